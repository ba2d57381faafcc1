import type { Generation, GenerationId, GenerationJob, WorkspaceId } from './generations.ts';

/** Generations that failed past their attempts. */
export interface DeadLetters {
  /** Newest first, after `before` where given; `workspaceId` absent: of all. */
  list(page: { workspaceId?: WorkspaceId; before?: GenerationId; limit: number }): Promise<readonly Generation[]>;
  count(): Promise<number>;
  /**
   * Queued again with no attempts counted, at the epoch it had; its failed message is removed until it
   * has a new one, and a child message keeps its parent id. Not dispatched yet: the user's next dispatch
   * brings it. Null: no such dead letter.
   */
  replay(id: GenerationId): Promise<GenerationJob | null>;
}
