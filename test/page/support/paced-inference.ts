import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Inference,
  InferenceError,
  type InferenceRequest,
  type InferenceResult,
  type InferenceSink,
  type ModelInfo,
} from '../../../src/ports/inference.ts';

export type Script = {
  reasoning?: string;
  text: string;
  /** Milliseconds before the first token, and for each. */
  readMs?: number;
  tokenMs?: number;
  finishReason?: 'stop' | 'length';
};

const MODEL: ModelInfo = {
  id: 'scripted',
  title: 'Scripted 1B',
  description: 'Says what a test tells it.',
  contextWindow: 4096,
  continues: true,
  tokensPerMessage: 4,
  systemPrompt: null,
  defaultTemperature: 0.7,
  staysHere: true,
  suggestions: [
    'What is the capital of France?',
    'Explain relativity to a curious friend',
    'Write a short poem about rain',
    'Give me three names for a sourdough starter',
  ],
};

/**
 * For looking at screens: answers each question as `scripts` says, at a reader's pace; unknown ones are echoed. `others`:
 * titles of models beside the first.
 */
export function pacedInference(
  scripts: Readonly<Record<string, Script | 'fail'>>,
  others: readonly string[] = [],
): Inference {
  return {
    models: () => [
      MODEL,
      ...others.map((title) => ({ ...MODEL, id: title.toLowerCase().replaceAll(' ', '-'), title })),
    ],
    async generate(request: InferenceRequest, sink: InferenceSink, signal: AbortSignal): Promise<InferenceResult> {
      const question = request.messages.findLast(({ role }) => role === 'user')?.content ?? '';
      const script = scripts[question] ?? { text: `You said: ${question}` };
      if (script === 'fail') throw new InferenceError('bad_request', 'as told');
      await sleep(script.readMs ?? 0, undefined, { signal });
      sink.prompted(question.length, 12);
      let tokens = 0;
      const write = async (text: string, from: number, put: (token: string, count: number) => void): Promise<void> => {
        for (const token of text.slice(from).match(/\s*\S{1,6}|\s+/gu) ?? []) {
          if (script.tokenMs) await sleep(script.tokenMs, undefined, { signal });
          put(token, 1);
          tokens += 1;
        }
      };
      await write(script.reasoning ?? '', request.prefix.reasoning.length, sink.reasoning.bind(sink));
      await write(script.text, request.prefix.text.length, sink.text.bind(sink));
      const usage = { promptTokens: question.length + 30, reusedTokens: 12, completionTokens: tokens };
      return { finishReason: script.finishReason ?? 'stop', usage, model: request.model };
    },
    countTokens: async (_model, texts) => texts.map((text) => Math.ceil(text.length / 4)),
    health: async () => ({ status: 'up', detail: 'scripted' }),
  };
}
