import type { Cache } from '../ports/cache.ts';
import type { GenerationQueue } from '../ports/generation-queue.ts';
import { type Inference, InferenceError, type ModelInfo } from '../ports/inference.ts';
import { LANES } from '../protocol/generation.ts';

const KEY = 'worker-models';
const ANNOUNCE_MS = 5_000;
const FIRST_MS = 500;
const TTL_MS = 20_000;

/** A worker with a model of its own tells the APIs what it can be asked for, until disposed of. */
export function announceModels(cache: Cache, inference: Inference): Disposable {
  const announce = () => {
    const models = inference.models();
    if (models.length > 0) void cache.set(KEY, Buffer.from(JSON.stringify(models)), TTL_MS);
  };
  announce();
  return repeat(announce, () => inference.models().length > 0);
}

/** Often until there are models, and seldom from then on. */
function repeat(act: () => void, isSettled: () => boolean): Disposable {
  let timer: NodeJS.Timeout;
  const next = () => {
    timer = setTimeout(
      () => {
        act();
        next();
      },
      isSettled() ? ANNOUNCE_MS : FIRST_MS,
    );
  };
  next();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

/**
 * For an API that has nothing to ask itself: everything goes through the lanes, and the models are those that
 * workers announced last.
 */
export class WorkerModels implements Inference, Disposable {
  readonly #cache: Cache;
  readonly #queue: GenerationQueue;
  readonly #looking: Disposable;
  #models: readonly ModelInfo[] = [];
  #heardAt = 0;

  constructor(cache: Cache, queue: GenerationQueue) {
    this.#cache = cache;
    this.#queue = queue;
    void this.#look();
    this.#looking = repeat(
      () => void this.#look(),
      () => this.#models.length > 0,
    );
  }

  models(): readonly ModelInfo[] {
    return this.#models;
  }

  async generate(): Promise<never> {
    throw new InferenceError('unavailable', 'this process asks no model');
  }

  async countTokens(): Promise<never> {
    throw new InferenceError('unavailable', 'this process asks no model');
  }

  async health() {
    if (Date.now() - this.#heardAt < TTL_MS) return { status: 'up', detail: 'workers have models' } as const;
    const lanes = await this.#queue.stats();
    const workers = Math.max(...LANES.map((lane) => lanes[lane].consumerCount));
    return workers > 0
      ? ({ status: 'up', detail: `${workers} taking jobs` } as const)
      : ({ status: 'down', detail: 'no worker takes jobs' } as const);
  }

  async #look(): Promise<void> {
    const announced = await this.#cache.get(KEY);
    // A cache that is away says nothing about the workers.
    if (!announced) return;
    this.#heardAt = Date.now();
    this.#models = JSON.parse(Buffer.from(announced).toString()) as ModelInfo[];
  }

  [Symbol.dispose](): void {
    this.#looking[Symbol.dispose]();
  }
}
