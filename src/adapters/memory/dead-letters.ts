import type { DeadLetters } from '../../ports/dead-letters.ts';
import type { Generation, GenerationId, GenerationJob, WorkspaceId } from '../../ports/generations.ts';
import { byId } from './branches.ts';
import { type GenerationRow, type MemoryDatabase, toGeneration } from './database.ts';

export class MemoryDeadLetters implements DeadLetters {
  readonly #database: MemoryDatabase;

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  async list(page: {
    workspaceId?: WorkspaceId;
    before?: GenerationId;
    limit: number;
  }): Promise<readonly Generation[]> {
    const { workspaceId, before, limit } = page;
    return this.#rows()
      .filter((row) => workspaceId === undefined || row.user.workspaceId === workspaceId)
      .filter((row) => before === undefined || row.id < before)
      .sort((a, b) => byId(b, a))
      .slice(0, limit)
      .map(toGeneration);
  }

  async count(): Promise<number> {
    return this.#rows().length;
  }

  async replay(id: GenerationId): Promise<GenerationJob | null> {
    const row = this.#rows().find((candidate) => candidate.id === id);
    if (!row) return null;
    const now = this.#database.now();
    row.conversation.messages.delete(row.id);
    row.user.active.add(row);
    Object.assign(row, {
      state: 'queued',
      direct: false,
      deadLetter: false,
      stopRequested: false,
      owner: null,
      ownerLocked: false,
      attempts: 0,
      takeovers: 0,
      finishedAt: null,
      model: null,
      finishReason: null,
      receipt: null,
      length: null,
      error: null,
      ticket: null,
      dueAt: now,
      dispatchedAt: null,
      publishedAt: null,
      sweeps: 0,
      sweepDueAt: now,
    } satisfies Partial<GenerationRow>);
    return { id: row.id, userId: row.user.id, lane: row.lane };
  }

  #rows(): GenerationRow[] {
    return [...this.#database.generations.values()].filter((row) => row.deadLetter && !row.conversation.deleted);
  }
}
