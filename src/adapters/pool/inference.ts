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
import type { SamplingDefaults } from '../../protocol/model-params.ts';
import type { MemberOptions, Source } from './member.ts';
import { ModelPool, RETRY_WITHIN_MS } from './model-pool.ts';
import type { ProbeDelays } from './outcome-breaker.ts';
import { RetryBudget } from './retry-budget.ts';

export type PoolOptions = {
  /** In the catalogue's order; or whatever the one server lists. */
  models: readonly PooledModel[] | { listedBy: Source };
  probeDelays?: ProbeDelays;
  retryWithinMs?: number;
};

export type PooledModel = {
  id: string;
  members: readonly MemberOptions[];
  /** Of requests that say nothing else; what is left out is each server's own. */
  sampling: SamplingDefaults;
  /** `listed`: what one of its servers says of it; undefined before any did. */
  describe(listed: ModelInfo | undefined): ModelInfo;
};

const PROBE_DELAYS: ProbeDelays = { first: 2000, longest: 30_000 };

/** Many servers, and models that several of them have, as one. */
export class PooledInference implements Inference, Disposable {
  #models: PoolOptions['models'];
  readonly #delays: ProbeDelays;
  readonly #retryWithinMs: number;
  readonly #budget = new RetryBudget();
  readonly #pools = new Map<string, ModelPool>();

  constructor({ models, probeDelays, retryWithinMs = RETRY_WITHIN_MS }: PoolOptions) {
    this.#models = models;
    this.#delays = probeDelays ?? PROBE_DELAYS;
    this.#retryWithinMs = retryWithinMs;
    if (!('listedBy' in models)) for (const { id, members } of models) this.#open(id, members);
  }

  /** Answers under way end where they are; servers that stay keep what is known of them. */
  replace(models: readonly PooledModel[]): void {
    const before = new Map(this.#pools);
    this.#pools.clear();
    for (const { id, members } of models) {
      this.#open(id, members, before.get(id));
      before.delete(id);
    }
    for (const pool of before.values()) pool[Symbol.dispose]();
    this.#models = models;
  }

  /** A declared model is there, whether or not its servers are. */
  models(): readonly ModelInfo[] {
    const models = this.#models;
    if ('listedBy' in models) return models.listedBy.inference.models();
    return models.map(({ id, describe }) => describe(this.#listed(id)));
  }

  async generate(request: InferenceRequest, sink: InferenceSink, signal: AbortSignal): Promise<InferenceResult> {
    const pool = this.#poolOf(request.model);
    const result = await pool.generate(this.#withDefaults(request), sink, signal);
    // A declared model goes by its own name; a server may know more of the one that it lists.
    return 'listedBy' in this.#models ? result : { ...result, model: request.model };
  }

  async countTokens(model: string, texts: readonly string[], signal?: AbortSignal): Promise<readonly number[]> {
    const { available, members } = this.#poolOf(model);
    const member = available ?? members[0]!;
    const servedAs = member.servedAs;
    if (servedAs === undefined) throw new InferenceError('unavailable', 'no model is loaded there');
    return await member.source.inference.countTokens(servedAs, texts, signal);
  }

  async embed(request: EmbeddingRequest, signal: AbortSignal): Promise<EmbeddingResult> {
    const pool = this.#poolOf(request.model);
    const member = pool.available ?? pool.members[0]!;
    const { inference } = member.source;
    const model = member.servedAs;
    if (!inference.embed || model === undefined) {
      throw new InferenceError('bad_request', 'what serves this model makes no embeddings');
    }
    return { ...(await inference.embed({ ...request, model }, signal)), model: request.model };
  }

  /** Up where every model has a server that is. */
  async health(): Promise<InferenceHealth> {
    const models = this.#models;
    if ('listedBy' in models) return this.#healthOf(models.listedBy);
    const sources = [
      ...new Set([...this.#pools.values()].flatMap(({ members }) => members.map(({ source }) => source))),
    ];
    const states = new Map(
      await Promise.all(sources.map(async (source) => [source, await this.#healthOf(source)] as const)),
    );
    const ill = sources.filter((source) => states.get(source)!.status !== 'up');
    const without = models.filter(({ members }) => members.every(({ source }) => ill.includes(source)));
    const detail = ill.map((source) => `${source.name}: ${states.get(source)!.detail}`).join('; ');
    if (without.length > 0)
      return { status: 'down', detail: `no ${without.map(({ id }) => id).join(', ')} (${detail})` };
    return { status: 'up', detail: [`${models.length} models`, ...(detail ? [detail] : [])].join('; ') };
  }

  [Symbol.dispose](): void {
    for (const pool of this.#pools.values()) pool[Symbol.dispose]();
  }

  async #healthOf(source: Source): Promise<InferenceHealth> {
    const own = [...this.#pools.values()].flatMap(({ members }) => members.filter((each) => each.source === source));
    const isLeftOut = own.length > 0 && own.every(({ isOpen }) => isOpen);
    if (isLeftOut)
      return { status: 'down', detail: 'too many answers failed; one token is asked for from time to time' };
    return await source.inference.health();
  }

  #withDefaults(request: InferenceRequest): InferenceRequest {
    const models = this.#models;
    return 'listedBy' in models ? request : { ...models.find(({ id }) => id === request.model)?.sampling, ...request };
  }

  #listed(id: string): ModelInfo | undefined {
    for (const { source, servedAs } of this.#pools.get(id)!.members) {
      const listed = source.inference.models().find((each) => each.id === servedAs);
      if (listed) return listed;
    }
    return undefined;
  }

  #poolOf(model: string): ModelPool {
    const pool = this.#pools.get(model);
    if (pool) return pool;
    const models = this.#models;
    // Only what is listed: a pool is kept for each.
    if (!('listedBy' in models)) throw new InferenceError('model_not_found', `there is no ${model} in the catalogue`);
    const source = models.listedBy;
    if (!source.inference.models().some(({ id }) => id === model)) {
      if (source.inference.models().length === 0) throw new InferenceError('unavailable', 'no model is loaded yet');
      throw new InferenceError('model_not_found', `${source.name} has no ${model}`);
    }
    return this.#open(model, [{ source, servedAs: model, weight: 1 }]);
  }

  #open(model: string, members: readonly MemberOptions[], before?: ModelPool): ModelPool {
    const terms = { budget: this.#budget, delays: this.#delays, retryWithinMs: this.#retryWithinMs };
    const pool = new ModelPool(model, members, { ...terms, before });
    this.#pools.set(model, pool);
    return pool;
  }
}
