import type { GenerationId, UserId } from '../../ports/generations.ts';
import type { Routes } from '../../ports/routes.ts';
import type { RedisConnection } from './connection.ts';

/** One small key a generation, on the state instance. */
export class RedisRoutes implements Routes {
  readonly #connection: RedisConnection;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  async put(id: GenerationId, userId: UserId, ttlMs: number): Promise<void> {
    const key = keyOf(id);
    await this.#connection.send(key, ['SET', key, userId, 'PX', String(ttlMs)]);
  }

  async get(id: GenerationId): Promise<UserId | null> {
    const key = keyOf(id);
    return (await this.#connection.send(key, ['GET', key])) as string | null;
  }
}

function keyOf(id: GenerationId): string {
  return `route:{${id}}`;
}
