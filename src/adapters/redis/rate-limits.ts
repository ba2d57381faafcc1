import { RateLimiterMemory, RateLimiterRedis, type RateLimiterRes } from 'rate-limiter-flexible';
import type { RateLimitOutcome, RateLimits } from '../../ports/rate-limits.ts';
import type { RedisConnection } from './connection.ts';
import { script } from './script.ts';

/** points, milliseconds. {taken in this window, milliseconds left of it}. */
const TAKE = script(`
local taken = redis.call('INCRBY', KEYS[1], ARGV[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  left = tonumber(ARGV[2])
  redis.call('PEXPIRE', KEYS[1], left)
end
return {taken, left}`);

/** Only counts; each call brings its own limit. */
const COUNT = { points: Number.MAX_SAFE_INTEGER, duration: 60 };

/**
 * Exact for all replicas while Redis is there. While it is away each replica counts for itself and allows its
 * share, so that all of them together still allow about the limit.
 */
export class RedisRateLimits implements RateLimits {
  readonly #replicas: number;
  readonly #own = new OwnCounter(COUNT);
  readonly #counter: SharedCounter;

  /** `replicas`: how many share a limit while Redis is away. */
  constructor(connection: RedisConnection, { replicas = 1 }: { replicas?: number } = {}) {
    this.#replicas = replicas;
    this.#counter = new SharedCounter(connection, this.#own);
  }

  async take(key: string, limit: number, windowMs: number): Promise<RateLimitOutcome> {
    const taken = await this.#counter.consume(key, 1, { customDuration: windowMs / 1000 });
    const allowed = this.#own.hasCounted(taken) ? Math.max(1, Math.floor(limit / this.#replicas)) : limit;
    return {
      allowed: taken.consumedPoints <= allowed,
      limit,
      remaining: Math.max(0, allowed - taken.consumedPoints),
      resetMs: taken.msBeforeNext,
    };
  }
}

/** Counts here, for as long as Redis does not, and knows its own figures again. */
class OwnCounter extends RateLimiterMemory {
  readonly #counted = new WeakSet<RateLimiterRes>();

  hasCounted(figures: RateLimiterRes): boolean {
    return this.#counted.has(figures);
  }

  override async consume(...call: Parameters<RateLimiterMemory['consume']>): Promise<RateLimiterRes> {
    const figures = await super.consume(...call);
    this.#counted.add(figures);
    return figures;
  }
}

/** The library's limiter, over our connection: one script, to the millisecond, wherever the key lives. */
class SharedCounter extends RateLimiterRedis {
  readonly #connection: RedisConnection;

  constructor(connection: RedisConnection, insuranceLimiter: RateLimiterMemory) {
    super({ ...COUNT, storeClient: {}, keyPrefix: 'limit', insuranceLimiter });
    this.#connection = connection;
  }

  /** Called by `consume`. */
  async _upsert(key: string, points: number, windowMs: number): Promise<unknown> {
    return await this.#connection.evaluate(TAKE, [key], [String(points), String(Math.ceil(windowMs))]);
  }
}
