import type { GenerationId, WorkspaceId } from '../../ports/generations.ts';
import type { Cleared, DeletionReceipt, UserDeletion, UserDeletions, UserTraces } from '../../ports/user-deletions.ts';
import { type GenerationRow, type MemoryDatabase, type UserRow, userKey } from './database.ts';
import { serialUuid } from './serial-uuid.ts';

type Row = { deletion: UserDeletion; user: UserRow; key: string; touchedAt: number; receipt: DeletionReceipt };

export class MemoryUserDeletions implements UserDeletions {
  readonly #database: MemoryDatabase;
  readonly #rows = new Map<string, Row>();

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  async begin(workspaceId: WorkspaceId, externalId: string): Promise<UserDeletion | null> {
    const key = userKey(workspaceId, externalId);
    const user = this.#database.usersByExternalId.get(key);
    if (!user) return null;
    if (user.deletion !== null) return this.#touched(this.#rows.get(user.deletion)!);
    const id = serialUuid(this.#database.nextSerial());
    const now = this.#database.now();
    const deletion = { id, userId: user.id, workspaceId, home: 0, epoch: 1 };
    const receipt = { id, userId: user.id, begunAt: now, finishedAt: null, erased: null, databases: [], cleared: null };
    user.deletion = id;
    this.#rows.set(id, { deletion, user, key, touchedAt: now, receipt });
    return deletion;
  }

  async takeOver(forMs: number): Promise<readonly UserDeletion[]> {
    const before = this.#database.now() - forMs;
    const open = [...this.#rows.values()].filter((row) => row.receipt.finishedAt === null && row.touchedAt < before);
    return open.map((row) => this.#touched(row));
  }

  async leave({ id }: UserDeletion): Promise<void> {
    this.#rows.get(id)!.touchedAt = Number.NEGATIVE_INFINITY;
  }

  async stop(deletion: UserDeletion): Promise<readonly GenerationId[]> {
    const active = [...(this.#database.users.get(deletion.userId)?.active ?? [])];
    for (const row of active) row.stopRequested = true;
    return active.filter(({ state }) => state === 'running').map(({ id }) => id);
  }

  async close({ userId }: UserDeletion): Promise<void> {
    this.#database.users.delete(userId);
  }

  async traces({ id }: UserDeletion): Promise<UserTraces> {
    const { user } = this.#rows.get(id)!;
    return {
      conversations: [...user.conversations.values()].map((row) => row.id),
      generations: this.#generationsOf(user).map((row) => row.id),
    };
  }

  async noteCleared({ id }: UserDeletion, cleared: Cleared): Promise<void> {
    const row = this.#rows.get(id)!;
    row.receipt = { ...row.receipt, cleared: row.receipt.cleared ?? cleared };
  }

  async erase({ id }: UserDeletion): Promise<readonly string[]> {
    const row = this.#rows.get(id)!;
    const { user } = row;
    const generations = this.#generationsOf(user);
    const conversations = [...user.conversations.values()];
    row.receipt = {
      ...row.receipt,
      databases: ['memory'],
      erased: row.receipt.erased ?? {
        messages: conversations.reduce((sum, { messages }) => sum + messages.size, 0),
        archivedMessages: 0,
        generations: generations.length,
        conversations: conversations.length,
        idempotencyKeys: user.idempotency.size,
        usageDays: user.usage.size,
        items: user.items.size,
      },
    };
    for (const generation of generations) this.#database.generations.delete(generation.id);
    user.conversations.clear();
    user.active.clear();
    user.idempotency.clear();
    user.usage.clear();
    user.items.clear();
    return [];
  }

  async end({ id }: UserDeletion): Promise<void> {
    const row = this.#rows.get(id)!;
    if (this.#database.usersByExternalId.get(row.key) === row.user) this.#database.usersByExternalId.delete(row.key);
    row.receipt = { ...row.receipt, finishedAt: row.receipt.finishedAt ?? this.#database.now() };
  }

  async receipt({ id }: UserDeletion): Promise<DeletionReceipt> {
    return this.#rows.get(id)!.receipt;
  }

  async lastReceipt(workspaceId: WorkspaceId, externalId: string): Promise<DeletionReceipt | null> {
    const key = userKey(workspaceId, externalId);
    return [...this.#rows.values()].findLast((row) => row.key === key)?.receipt ?? null;
  }

  #generationsOf(user: UserRow): GenerationRow[] {
    return [...this.#database.generations.values()].filter((row) => row.user === user);
  }

  #touched(row: Row): UserDeletion {
    row.touchedAt = this.#database.now();
    return row.deletion;
  }
}
