import { setTimeout } from 'node:timers/promises';
import {
  type Inference,
  InferenceError,
  type InferenceRequest,
  type InferenceResult,
  type InferenceSink,
  type ModelInfo,
} from '../../src/ports/inference.ts';

export const MODEL = 'scripted';
const BREAK_AFTER_MS = 100;
const LONG_MS = 60_000;

/**
 * A model that says what the test tells it: a message `say A|B|C` is answered with those pieces, one token
 * each; `think T|say A|B` writes T as reasoning first; `call NAME {…}` asks for that call, in two pieces, after
 * what a `say` before it said (`say A|call …`); the piece `~` waits until it is stopped; `fail`, and the piece
 * `!`, fail for good. Anything else is echoed. With
 * `hold()` it stands still before each piece until `release()`.
 */
export class ScriptedInference implements Inference {
  readonly requests: InferenceRequest[] = [];
  #gate: PromiseWithResolvers<void> | null = null;

  hold(): void {
    this.#gate ??= Promise.withResolvers();
  }

  release(): void {
    this.#gate?.resolve();
    this.#gate = null;
  }

  models(): ModelInfo[] {
    return [
      {
        id: MODEL,
        title: 'Scripted',
        description: 'Says what it is told.',
        contextWindow: 4096,
        continues: true,
        tokensPerMessage: 4,
        systemPrompt: null,
        defaultTemperature: 0.7,
        suggestions: ['say hello'],
      },
    ];
  }

  async generate(request: InferenceRequest, sink: InferenceSink, signal: AbortSignal): Promise<InferenceResult> {
    this.requests.push(request);
    const message = request.messages.findLast(({ role }) => role === 'user')?.content ?? '';
    if (message.startsWith('fail')) throw new InferenceError('bad_request', 'as told');
    const { reasoning, pieces, call } = parse(message);
    sink.prompted(message.length, 0);
    let tokens = 0;
    if (request.prefix.reasoning === '' && reasoning) sink.reasoning(reasoning, 1);
    let skip = request.prefix.text.length;
    for (const piece of pieces) {
      const rest = piece.slice(skip);
      skip = Math.max(0, skip - piece.length);
      if (!rest) continue;
      await this.#pass(signal);
      if (piece === '~') await setTimeout(LONG_MS, undefined, { signal });
      if (piece === '!') {
        // Not before its readers have what came until then.
        await setTimeout(BREAK_AFTER_MS);
        throw new InferenceError('bad_request', 'as told');
      }
      sink.text(rest, 1);
      tokens += 1;
      await new Promise(setImmediate);
      signal.throwIfAborted();
    }
    await this.#pass(signal);
    if (call) {
      const [name, args] = call;
      sink.toolCall({ kind: 'call', id: 'call_1', name }, 1);
      const half = Math.floor(args.length / 2);
      for (const text of [args.slice(0, half), args.slice(half)]) sink.toolCall({ kind: 'arguments', text }, 1);
      tokens += 3;
    }
    const usage = { promptTokens: message.length, reusedTokens: 0, completionTokens: tokens };
    return { finishReason: call ? 'tool_calls' : 'stop', usage, model: MODEL };
  }

  async countTokens(_model: string, texts: readonly string[]): Promise<readonly number[]> {
    return texts.map((text) => Math.ceil(text.length / 4));
  }

  async health() {
    return { status: 'up', detail: 'scripted' } as const;
  }

  async #pass(signal: AbortSignal): Promise<void> {
    while (this.#gate) {
      const { promise, reject } = Promise.withResolvers<void>();
      const abort = () => reject(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      await Promise.race([this.#gate.promise, promise]).finally(() => signal.removeEventListener('abort', abort));
    }
    signal.throwIfAborted();
  }
}

type Script = { reasoning: string; pieces: string[]; call: [name: string, args: string] | null };

function parse(message: string): Script {
  const [, before = '', name, args = '{}'] = /^([\s\S]*?\|)?call (\w+) ([\s\S]*)$/.exec(message) ?? [];
  const spoken = name === undefined ? message : before.slice(0, -1);
  const [, reasoning = '', said] = /^(?:think ([^|]*)\|)?say ([\s\S]*)$/.exec(spoken) ?? [];
  const echo = name === undefined ? [`You said: ${message}`] : [];
  return {
    reasoning,
    pieces: said === undefined ? echo : said.split('|'),
    call: name === undefined ? null : [name, args],
  };
}
