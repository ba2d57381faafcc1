import { LRUCache } from 'lru-cache';
import type { GenerationId, UserId } from '../../ports/generations.ts';
import type { Routes } from '../../ports/routes.ts';
import type { RedisConnection } from './connection.ts';

const MOST_KNOWN = 20_000;

/** One small key a generation, on the state instance. What it says never changes: this process asks once. */
export class RedisRoutes implements Routes {
  readonly #connection: RedisConnection;
  readonly #known = new LRUCache<GenerationId, UserId>({ max: MOST_KNOWN });

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  async put(id: GenerationId, userId: UserId, ttlMs: number): Promise<void> {
    this.#known.set(id, userId);
    const key = keyOf(id);
    await this.#connection.send(key, ['SET', key, userId, 'PX', String(ttlMs)]);
  }

  async get(id: GenerationId): Promise<UserId | null> {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const key = keyOf(id);
    const userId = (await this.#connection.send(key, ['GET', key])) as string | null;
    if (userId !== null) this.#known.set(id, userId);
    return userId;
  }
}

function keyOf(id: GenerationId): string {
  return `route:{${id}}`;
}
