import type { GenerationId, UserId } from './generations.ts';

/**
 * Whose a generation is, for whoever knows its id alone. A hint: where it is lost, every shard is asked.
 */
export interface Routes {
  put(id: GenerationId, userId: UserId, ttlMs: number): Promise<void>;
  get(id: GenerationId): Promise<UserId | null>;
}
