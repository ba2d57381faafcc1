import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import {
  type Inference,
  InferenceError,
  type InferenceHealth,
  type InferenceRequest,
  type InferenceResult,
  type InferenceSink,
  type ModelInfo,
} from '../../ports/inference.ts';
import { cacheLookedUp } from '../../telemetry/events.ts';
import type { ChatUpdate, EngineOptions, FromEngine } from './engine-messages.ts';
import { type EngineEvent, EngineProcess } from './engine-process.ts';

export type LlamaEngineOptions = {
  /** A GGUF file. */
  modelPath: string;
  /** The name that requests use; absent: by what the file calls itself. */
  modelId?: string;
  /** Chats that are worked on at once. */
  slots?: number;
  /** Tokens of each chat's window; absent: the model's own in the catalogue, as far as memory goes. */
  contextSize?: number;
  /** Cores used while writing; absent: all but one. */
  threads?: number;
  /** Requests that may wait for a slot; more are refused as overloaded. */
  maxWaiting?: number;
  /** Least milliseconds per token: slows a tiny model down for tests. */
  paceMs?: number;
  onEvent?: (event: EngineEvent) => void;
};

const DEFAULTS = { slots: 4, maxWaiting: 256, paceMs: 0 } as const;
/** How long a request waits for a model that is being loaded (again). */
const START_WAIT_MS = 30_000;
const COUNTS_KEPT = 50_000;
/** Longer texts are known by their hash. */
const PLAIN_KEY_CHARS = 64;

/** The embedded model behind the port `Inference`: llama.cpp in a process of its own. */
export class LlamaEngine implements Inference {
  readonly #process: EngineProcess;
  readonly #generations = new Map<number, Generation>();
  readonly #countings = new Map<number, PromiseWithResolvers<readonly number[]>>();
  readonly #counts = new LRUCache<string, number>({ max: COUNTS_KEPT });
  #ids = 0;

  constructor(options: LlamaEngineOptions) {
    const engine: EngineOptions = {
      modelPath: options.modelPath,
      modelId: options.modelId ?? null,
      slots: options.slots ?? DEFAULTS.slots,
      contextSize: options.contextSize ?? null,
      threads: options.threads ?? null,
      maxWaiting: options.maxWaiting ?? DEFAULTS.maxWaiting,
      paceMs: options.paceMs ?? DEFAULTS.paceMs,
    };
    this.#process = new EngineProcess({
      engine,
      onEvent: options.onEvent ?? (() => undefined),
      onMessage: (message) => this.#receive(message),
      onLost: (detail) => this.#lose(detail),
      busy: () => this.#generations.size + this.#countings.size > 0,
    });
  }

  models(): readonly ModelInfo[] {
    return this.#process.model === null ? [] : [this.#process.model];
  }

  async health(): Promise<InferenceHealth> {
    return this.#process.health;
  }

  /** Of the model's process, while there is one. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Resolves once the model can answer; rejects when it cannot be loaded. */
  async ready(signal: AbortSignal = new AbortController().signal): Promise<ModelInfo> {
    while (!this.#process.ready) {
      if (this.#process.health.status === 'down') throw new InferenceError('unavailable', this.#process.health.detail);
      await this.#process.change(signal);
    }
    return this.#process.model!;
  }

  async generate(request: InferenceRequest, sink: InferenceSink, signal: AbortSignal): Promise<InferenceResult> {
    const model = await this.#readyFor(request.model, signal);
    signal.throwIfAborted();
    const id = ++this.#ids;
    const { promise, resolve, reject } = Promise.withResolvers<InferenceResult>();
    const onAbort = () => {
      this.#process.send({ kind: 'cancel', id });
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    const { model: _, ...rest } = request;
    this.#generations.set(id, { sink, model: model.id, resolve, reject });
    this.#process.send({ kind: 'generate', id, request: rest });
    try {
      return await promise;
    } finally {
      this.#generations.delete(id);
      signal.removeEventListener('abort', onAbort);
    }
  }

  async countTokens(model: string, texts: readonly string[], signal?: AbortSignal): Promise<readonly number[]> {
    const keys = texts.map(countKey);
    const missing = texts.filter((_, index) => !this.#counts.has(keys[index]!));
    cacheLookedUp({ cache: 'token-count', isHit: true, times: texts.length - missing.length });
    cacheLookedUp({ cache: 'token-count', isHit: false, times: missing.length });
    // The cache is bounded: what this call needs is kept beside it.
    const fresh = new Map<string, number>();
    if (missing.length > 0) {
      await this.#readyFor(model, signal ?? new AbortController().signal);
      const counts = await this.#count(missing, signal);
      for (const [index, text] of missing.entries()) fresh.set(countKey(text), counts[index]!);
    }
    return keys.map((key) => {
      const count = fresh.get(key) ?? this.#counts.get(key)!;
      this.#counts.set(key, count);
      return count;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    this.#lose('The server is going away.');
  }

  async #count(texts: readonly string[], signal: AbortSignal | undefined): Promise<readonly number[]> {
    const id = ++this.#ids;
    const counting = Promise.withResolvers<readonly number[]>();
    const onAbort = () => counting.reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#countings.set(id, counting);
    this.#process.send({ kind: 'count', id, texts });
    try {
      return await counting.promise;
    } finally {
      this.#countings.delete(id);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Waits while the model is being loaded; a death of its process in between costs a second, not an answer. */
  async #readyFor(model: string, signal: AbortSignal): Promise<ModelInfo> {
    signal.throwIfAborted();
    const limit = AbortSignal.timeout(START_WAIT_MS);
    const loaded = await this.ready(AbortSignal.any([signal, limit])).catch((error: unknown) => {
      signal.throwIfAborted();
      if (!limit.aborted) throw error;
      throw new InferenceError('unavailable', 'The model is still being loaded.', { retryAfterMs: 5000 });
    });
    if (loaded.id !== model) throw new InferenceError('model_not_found', `The engine has ${loaded.id}, not ${model}.`);
    return loaded;
  }

  #receive(message: FromEngine): void {
    if (message.kind === 'step') for (const update of message.updates) this.#apply(update);
    if (message.kind === 'counts') this.#countings.get(message.id)?.resolve(message.counts);
  }

  #apply(update: ChatUpdate): void {
    const generation = this.#generations.get(update.id);
    if (generation === undefined) return;
    const { sink, model, resolve, reject } = generation;
    try {
      if (update.prompted) sink.prompted(update.prompted.tokens, update.prompted.reused);
      if (update.reasoning) sink.reasoning(update.reasoning.text, update.reasoning.tokens);
      if (update.text) sink.text(update.text.text, update.text.tokens);
      if (update.call) {
        const { id, name, arguments: args, tokens } = update.call;
        sink.toolCall({ kind: 'call', id, name }, tokens);
        sink.toolCall({ kind: 'arguments', text: args }, 0);
      }
    } catch (error) {
      this.#process.send({ kind: 'cancel', id: update.id });
      reject(error);
    }
    if (update.end) resolve({ ...update.end, model });
    if (update.error) {
      const { kind, message, retryAfterMs } = update.error;
      reject(new InferenceError(kind, message, retryAfterMs === undefined ? {} : { retryAfterMs }));
    }
  }

  #lose(detail: string): void {
    const error = () => new InferenceError('engine', 'The model broke off.', { cause: new Error(detail) });
    for (const { reject } of this.#generations.values()) reject(error());
    for (const { reject } of this.#countings.values()) reject(error());
  }
}

type Generation = {
  sink: InferenceSink;
  model: string;
  resolve: (result: InferenceResult) => void;
  reject: (error: unknown) => void;
};

function countKey(text: string): string {
  return text.length <= PLAIN_KEY_CHARS ? `=${text}` : createHash('sha256').update(text).digest('base64');
}
