import { LRUCache } from 'lru-cache';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { RateLimitOutcome, RateLimits } from '../../ports/rate-limits.ts';

/** Keys come from callers, so their number is bounded: past it, whoever asked longest ago starts anew. */
export class MemoryRateLimits implements RateLimits {
  /** Only counts; each call brings its own limit. */
  readonly #counter = new RateLimiterMemory({ points: Number.MAX_SAFE_INTEGER, duration: 60 });
  readonly #keys: LRUCache<string, true>;

  constructor({ maxKeys = 100_000 }: { maxKeys?: number } = {}) {
    this.#keys = new LRUCache({
      max: maxKeys,
      noDisposeOnSet: true,
      dispose: (_, key) => void this.#counter.delete(key),
    });
  }

  async take(key: string, limit: number, windowMs: number): Promise<RateLimitOutcome> {
    this.#keys.set(key, true);
    const { consumedPoints, msBeforeNext } = await this.#counter.consume(key, 1, { customDuration: windowMs / 1000 });
    return {
      allowed: consumedPoints <= limit,
      limit,
      remaining: Math.max(0, limit - consumedPoints),
      resetMs: msBeforeNext,
    };
  }
}
