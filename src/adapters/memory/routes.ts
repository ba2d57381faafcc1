import type { Clock } from '../../ports/clock.ts';
import type { GenerationId, UserId } from '../../ports/generations.ts';
import type { Routes } from '../../ports/routes.ts';

const MAX_ROUTES = 100_000;

export class MemoryRoutes implements Routes {
  readonly #clock: Clock;
  /** In order of writing: the oldest goes first. */
  readonly #routes = new Map<GenerationId, { userId: UserId; until: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async put(id: GenerationId, userId: UserId, ttlMs: number): Promise<void> {
    this.#routes.delete(id);
    this.#routes.set(id, { userId, until: this.#clock.now() + ttlMs });
    if (this.#routes.size > MAX_ROUTES) this.#routes.delete(this.#routes.keys().next().value!);
  }

  async get(id: GenerationId): Promise<UserId | null> {
    const route = this.#routes.get(id);
    return route && route.until > this.#clock.now() ? route.userId : null;
  }
}
