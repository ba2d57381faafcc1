import type { Clock } from '../../ports/clock.ts';
import {
  type Inference,
  InferenceError,
  type InferenceHealth,
  type InferenceRequest,
  type InferenceResult,
  type InferenceSink,
  type ModelInfo,
} from '../../ports/inference.ts';
import type { ChatMessage } from '../../protocol/chat-message.ts';

export type MemoryInferenceOptions = {
  /** Milliseconds per token by the clock; 0: one turn of the clock each. */
  paceMs?: number;
  contextWindow?: number;
  continues?: boolean;
  /** Asked at the start of each request; what it returns is done to that request. */
  fail?: (request: InferenceRequest) => Failure | null;
};

/** After so many new tokens the request is rejected with the error, or hangs until it is aborted. */
export type Failure = { afterTokens: number; error: InferenceError | 'hang' };

export const MEMORY_MODEL = 'memory';

const TOKENS_PER_MESSAGE = 4;
const CHARS_PER_TOKEN = 4;

/**
 * A scripted model for tests: its answer is a pure function of the messages (`scriptedAnswer`), so that every
 * byte can be checked, wherever and in however many turns it was made. It refuses to go on behind a prefix that
 * it would not have written.
 */
export class MemoryInference implements Inference {
  readonly #clock: Clock;
  readonly #options: MemoryInferenceOptions;
  status: InferenceHealth = { status: 'up', detail: 'scripted' };
  /** Requests being answered now, and the most there ever were. */
  running = 0;
  mostRunning = 0;

  constructor(clock: Clock, options: MemoryInferenceOptions = {}) {
    this.#clock = clock;
    this.#options = options;
  }

  models(): readonly ModelInfo[] {
    return [
      {
        id: MEMORY_MODEL,
        title: 'Scripted model',
        description: 'Writes words that follow from the question, for tests.',
        contextWindow: this.#options.contextWindow ?? 4096,
        continues: this.#options.continues ?? true,
        continuesReasoning: true,
        tokensPerMessage: TOKENS_PER_MESSAGE,
        systemPrompt: null,
        defaultTemperature: 0.7,
        suggestions: [],
      },
    ];
  }

  async health(): Promise<InferenceHealth> {
    return this.status;
  }

  async countTokens(model: string, texts: readonly string[], signal?: AbortSignal): Promise<readonly number[]> {
    signal?.throwIfAborted();
    requireModel(model);
    return texts.map(countScriptedTokens);
  }

  async generate(request: InferenceRequest, sink: InferenceSink, signal: AbortSignal): Promise<InferenceResult> {
    signal.throwIfAborted();
    requireModel(request.model);
    if (this.status.status !== 'up') throw new InferenceError('unavailable', this.status.detail);
    this.running++;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    try {
      return await this.#answer(request, sink, signal);
    } finally {
      this.running--;
    }
  }

  async #answer(request: InferenceRequest, sink: InferenceSink, signal: AbortSignal): Promise<InferenceResult> {
    const failure = this.#options.fail?.(request) ?? null;
    const promptTokens = promptLength(request);
    const { contextWindow } = this.models()[0]!;
    if (promptTokens >= contextWindow) {
      throw new InferenceError(
        'context_overflow',
        `The prompt has ${promptTokens} tokens; the window ${contextWindow}.`,
      );
    }
    const rest = remainder(request);
    await this.#fail(failure, 0, signal);
    await this.#clock.sleep(this.#options.paceMs ?? 0, signal);
    sink.prompted(promptTokens, 0);
    const limit = Math.min(request.maxTokens, contextWindow - promptTokens);
    let written = 0;
    for (const { channel, text } of rest) {
      if (written === limit) break;
      if (written > 0) await this.#clock.sleep(this.#options.paceMs ?? 0, signal);
      sink[channel](text, 1);
      written++;
      await this.#fail(failure, written, signal);
    }
    return {
      finishReason: written < rest.length ? 'length' : 'stop',
      usage: { promptTokens, reusedTokens: 0, completionTokens: written },
      model: request.model,
    };
  }

  async #fail(failure: Failure | null, written: number, signal: AbortSignal): Promise<void> {
    if (failure === null || failure.afterTokens !== written) return;
    if (failure.error !== 'hang') throw failure.error;
    while (true) await this.#clock.sleep(HANG_TURN_MS, signal);
  }
}

const HANG_TURN_MS = 3_600_000;

type ScriptedToken = { channel: 'text' | 'reasoning'; text: string };

/** The whole answer, as tokens. Some are several bytes a character, and one conversation in four reasons first. */
export function scriptedTokens(messages: readonly ChatMessage[]): ScriptedToken[] {
  let state = hash(JSON.stringify(messages));
  const next = (below: number) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) >>> 0;
    return (state >>> 8) % below;
  };
  const reasoning = next(4) === 0 ? 2 + next(10) : 0;
  const length = reasoning + 5 + next(60);
  return Array.from({ length }, (_, index) => ({
    channel: index < reasoning ? 'reasoning' : 'text',
    // The index makes every token tell its place.
    text: `${WORDS[next(WORDS.length)]}${index} `,
  }));
}

export function scriptedAnswer(messages: readonly ChatMessage[]): { text: string; reasoning: string } {
  return joined(scriptedTokens(messages));
}

const WORDS = [
  'sea',
  'wind',
  'größer',
  'été',
  '海',
  'звезда',
  '🚢',
  '👩‍🚀',
  'light',
  'a',
  'Å',
  'naïve',
  '**bold**',
  '\n',
];

function countScriptedTokens(text: string): number {
  return Math.ceil(text.length / CHARS_PER_TOKEN);
}

function promptLength({ messages, prefix }: InferenceRequest): number {
  const texts = [...messages.map(({ content }) => content), prefix.text, prefix.reasoning];
  return texts.reduce((sum, text) => sum + countScriptedTokens(text), messages.length * TOKENS_PER_MESSAGE);
}

/** What is left to say behind the prefix; a token that the prefix ends within is finished first. */
function remainder({ messages, prefix }: InferenceRequest): ScriptedToken[] {
  const tokens = scriptedTokens(messages);
  const whole = joined(tokens);
  const thinking = prefix.text === '' && prefix.reasoning !== whole.reasoning;
  const fits = thinking
    ? whole.reasoning.startsWith(prefix.reasoning)
    : prefix.reasoning === whole.reasoning && whole.text.startsWith(prefix.text);
  if (!fits) throw new InferenceError('bad_request', 'The prefix is not the beginning of this answer.');
  const skip = { text: prefix.text.length, reasoning: prefix.reasoning.length };
  return tokens.flatMap(({ channel, text }) => {
    const cut = Math.min(skip[channel], text.length);
    skip[channel] -= cut;
    return cut === text.length ? [] : [{ channel, text: text.slice(cut) }];
  });
}

function joined(tokens: readonly ScriptedToken[]): { text: string; reasoning: string } {
  const of = (wanted: string) => tokens.map(({ channel, text }) => (channel === wanted ? text : '')).join('');
  return { text: of('text'), reasoning: of('reasoning') };
}

function requireModel(model: string): void {
  if (model !== MEMORY_MODEL) throw new InferenceError('model_not_found', `There is no model ${model}.`);
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
