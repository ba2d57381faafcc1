import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { backoffMs } from '../../lib/backoff.ts';
import {
  type EmbeddingRequest,
  type EmbeddingResult,
  type Inference,
  InferenceError,
  type InferenceHealth,
  type InferenceRequest,
  type InferenceResult,
  type InferenceSink,
  type ModelInfo,
} from '../../ports/inference.ts';
import { cacheLookedUp, portFailed } from '../../telemetry/events.ts';
import { completionCall } from './completion-body.ts';
import { readModels } from './models.ts';
import type { OpenAiHttpOptions } from './options.ts';
import { streamCompletion } from './stream-completion.ts';
import { TokenEstimate } from './token-estimate.ts';
import { Upstream } from './upstream.ts';
import { inferenceError } from './upstream-errors.ts';

/** Milliseconds between two looks at the models: while there are none at first and at most, and once there are. */
const [FIRST_LOOK, LONGEST_LOOK, NEXT_LOOK] = [250, 5000, 30_000];
/** Characters of text whose token counts are remembered. */
const COUNTED_TEXT = 4_000_000;
/** Texts that are counted by the server at the same time. */
const COUNTING_AT_ONCE = 8;

/** Milliseconds for all vectors of one request. */
const EMBED_TIMEOUT = 60_000;

type Embedded = {
  data?: { index: number; embedding: number[] }[];
  model?: string;
  usage?: { prompt_tokens?: number };
};

/** Any server that speaks the OpenAI API: vLLM, Ray Serve LLM, llama-server, … */
export class OpenAiHttpInference implements Inference, AsyncDisposable {
  readonly #options: OpenAiHttpOptions;
  readonly #upstream: Upstream;
  readonly #estimate = new TokenEstimate();
  readonly #counted = new LRUCache<string, number>({ maxSize: COUNTED_TEXT, sizeCalculation: (_, key) => key.length });
  readonly #life = new AbortController();
  #models: readonly ModelInfo[] = [];
  #countsTokens: boolean;
  #hasHealthRoute: boolean;

  constructor(options: OpenAiHttpOptions) {
    this.#options = options;
    this.#upstream = new Upstream(options);
    this.#countsTokens = !options.isHosted;
    this.#hasHealthRoute = !options.isHosted;
    void this.#watchModels();
  }

  models(): readonly ModelInfo[] {
    return this.#models;
  }

  async generate(request: InferenceRequest, sink: InferenceSink, signal: AbortSignal): Promise<InferenceResult> {
    signal.throwIfAborted();
    const { strippedSpace, reasoning, ...call } = completionCall(request, this.#options);
    const prefix = request.prefix.text;
    const texts = [...request.messages.map(({ content }) => content), ...(prefix ? [prefix] : [])];
    const tokensPerMessage = this.#models.find(({ id }) => id === request.model)?.tokensPerMessage ?? 0;
    const promptTokens = texts.reduce((sum, text) => sum + tokensPerMessage + this.#estimate.count(text), 0);
    const { finishReason, usage, model } = await streamCompletion(
      this.#upstream,
      {
        ...call,
        headers: this.#headersOf(request),
        estimates: { promptTokens, strippedSpace, reasoning },
        patience: this.#options.patience,
      },
      sink,
      signal,
    );
    this.#estimate.learn(texts, usage.promptTokens, tokensPerMessage);
    return { finishReason, usage, model: model ?? request.model };
  }

  async countTokens(model: string, texts: readonly string[], signal?: AbortSignal): Promise<readonly number[]> {
    const counts: number[] = Array(texts.length).fill(0);
    const left = [...texts.entries()];
    const work = async () => {
      for (let next = left.pop(); next; next = left.pop()) {
        const [index, text] = next;
        counts[index] = text === '' ? 0 : await this.#countOne(model, text, signal);
      }
    };
    await Promise.all(Array.from({ length: Math.min(COUNTING_AT_ONCE, texts.length) }, work));
    return counts;
  }

  async embed({ model, inputs, dimensions }: EmbeddingRequest, signal: AbortSignal): Promise<EmbeddingResult> {
    const body = { model, input: inputs, encoding_format: 'float', ...(dimensions !== undefined && { dimensions }) };
    const answer = await this.#upstream.ask<Embedded>(
      { path: '/v1/embeddings', body, timeoutMs: EMBED_TIMEOUT },
      signal,
    );
    const data = (answer?.data ?? []).toSorted((a, b) => a.index - b.index);
    if (data.length !== inputs.length) throw inferenceError('engine', new Error('a vector is missing'));
    const vectors = data.map(({ embedding }) => embedding);
    return { vectors, promptTokens: answer?.usage?.prompt_tokens ?? 0, model: answer?.model ?? model };
  }

  async health(): Promise<InferenceHealth> {
    try {
      await this.#askHealth();
    } catch (error) {
      return { status: 'down', detail: (error as Error).message };
    }
    if (this.#models.length === 0 && !this.#options.isHosted)
      return { status: 'starting', detail: 'no model is loaded yet' };
    return { status: 'up', detail: `${this.#models.length} models` };
  }

  /** Asked nothing more: resolves when its last answer has ended. */
  async close(): Promise<void> {
    this.#life.abort();
    await this.#upstream.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#life.abort();
    await this.#upstream[Symbol.asyncDispose]();
  }

  #headersOf({ id, affinity }: InferenceRequest): Record<string, string> {
    return {
      ...(id !== undefined && { 'x-request-id': id }),
      ...(this.#options.dialect === 'vllm' && { 'x-session-id': sessionOf(affinity) }),
    };
  }

  async #askHealth(): Promise<void> {
    if (this.#hasHealthRoute) {
      try {
        await this.#upstream.ask({ path: '/health' }, this.#life.signal);
        return;
      } catch (error) {
        if (!isMissing(error)) throw error;
        this.#hasHealthRoute = false;
      }
    }
    await this.#upstream.ask({ path: '/v1/models' }, this.#life.signal).catch((error: unknown) => {
      if (!this.#options.isHosted || !isMissing(error)) throw error;
    });
  }

  /** A count of the server's own, else the estimate: a prompt can be built either way. */
  async #countOne(model: string, text: string, signal: AbortSignal | undefined): Promise<number> {
    if (!this.#countsTokens) return this.#estimate.count(text);
    const key = `${model}\0${text}`;
    const known = this.#counted.get(key);
    cacheLookedUp({ cache: 'token-count', isHit: known !== undefined });
    if (known !== undefined) return known;
    try {
      const body = { model, prompt: text, add_special_tokens: false };
      const answer = await this.#upstream.ask<{ count: number }>({ path: '/tokenize', body }, signal);
      if (typeof answer?.count !== 'number') throw inferenceError('bad_request');
      this.#counted.set(key, answer.count);
      return answer.count;
    } catch (error) {
      signal?.throwIfAborted();
      if (isMissing(error) || isRefused(error)) this.#countsTokens = false;
      return this.#estimate.count(text);
    }
  }

  async #watchModels(): Promise<void> {
    const { signal } = this.#life;
    for (let failures = 0; !signal.aborted; ) {
      try {
        this.#models = await readModels(this.#upstream, this.#options, signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (failures === 0) portFailed({ port: 'inference', operation: 'models', error });
        failures++;
      }
      const pause = this.#models.length > 0 ? NEXT_LOOK : backoffMs(failures, FIRST_LOOK, LONGEST_LOOK, Math.random());
      await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** The same for the same conversation, in characters that a header takes. */
function sessionOf(affinity: string): string {
  return createHash('sha256').update(affinity).digest('base64url').slice(0, 22);
}

/** Ray Serve 2.60 has the route, and refuses whatever comes to it. */
function isRefused(error: unknown): boolean {
  return error instanceof InferenceError && error.kind === 'bad_request';
}

/** The server has no such route. */
function isMissing(error: unknown): boolean {
  if (!(error instanceof InferenceError)) return false;
  return error.cause instanceof Error && /^40[45]\b/.test(error.cause.message);
}
