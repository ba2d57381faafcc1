import type {
  Inference,
  InferenceHealth,
  InferenceRequest,
  InferenceResult,
  InferenceSink,
  ModelInfo,
} from '../../ports/inference.ts';
import type { CatalogueEntry } from './catalogue.ts';
import type { LlamaEngine } from './engine.ts';

/** What its form adds to a message, until the model itself has said. */
const TOKENS_PER_MESSAGE = 8;

type RestingEngineOptions = {
  entry: CatalogueEntry;
  open: () => LlamaEngine;
  /** Milliseconds without a request after which it is taken out of memory. */
  restAfterMs: number;
  /** It is about to be loaded. */
  onWake: () => void;
};

/** A model that is loaded when it is first asked, and out of memory again when nobody asks. */
export class RestingEngine implements Inference, AsyncDisposable {
  readonly #options: RestingEngineOptions;
  #engine: LlamaEngine | null = null;
  #leaving: Promise<void> = Promise.resolve();
  #busy = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RestingEngineOptions) {
    this.#options = options;
  }

  models(): readonly ModelInfo[] {
    const { id, title, description, contextSize, systemPrompt, sampling, suggestions } = this.#options.entry;
    const loaded = this.#engine?.models()[0];
    return [
      loaded ?? {
        id,
        title,
        description,
        contextWindow: contextSize,
        continues: true,
        continuesReasoning: true,
        tokensPerMessage: TOKENS_PER_MESSAGE,
        systemPrompt,
        defaultTemperature: sampling.temperature,
        suggestions,
        staysHere: true,
      },
    ];
  }

  generate(request: InferenceRequest, sink: InferenceSink, signal: AbortSignal): Promise<InferenceResult> {
    return this.#awake((engine) => engine.generate(request, sink, signal));
  }

  countTokens(model: string, texts: readonly string[], signal?: AbortSignal): Promise<readonly number[]> {
    return this.#awake((engine) => engine.countTokens(model, texts, signal));
  }

  async health(): Promise<InferenceHealth> {
    return this.#engine ? await this.#engine.health() : { status: 'up', detail: 'rests until it is asked' };
  }

  /** Unless it answers. */
  rest(): void {
    clearTimeout(this.#timer);
    if (this.#busy > 0 || !this.#engine) return;
    const engine = this.#engine;
    this.#engine = null;
    this.#leaving = engine[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    await this.#leaving;
    await this.#engine?.[Symbol.asyncDispose]();
  }

  async #awake<T>(ask: (engine: LlamaEngine) => Promise<T>): Promise<T> {
    clearTimeout(this.#timer);
    this.#busy++;
    try {
      // Two of it at once would not fit where one does.
      await this.#leaving;
      if (!this.#engine) this.#options.onWake();
      this.#engine ??= this.#options.open();
      return await ask(this.#engine);
    } finally {
      this.#busy--;
      if (this.#busy === 0) this.#timer = setTimeout(() => this.rest(), this.#options.restAfterMs).unref();
    }
  }
}
