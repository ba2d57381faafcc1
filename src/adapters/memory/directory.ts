import type { Directory } from '../../ports/directory.ts';
import type { UserId, WorkspaceId } from '../../ports/generations.ts';
import { ChatError } from '../../protocol/errors.ts';
import { type MemoryDatabase, type UserRow, userKey } from './database.ts';
import { serialUuid } from './serial-uuid.ts';

export class MemoryDirectory implements Directory {
  readonly #database: MemoryDatabase;

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  async ensureUser(workspaceId: WorkspaceId, externalId: string): Promise<UserId> {
    const key = userKey(workspaceId, externalId);
    const known = this.#database.usersByExternalId.get(key);
    if (known?.deletion === null) return known.id;
    if (known) throw beingDeleted();
    if (!this.#database.workspaces.has(workspaceId)) throw new Error(`there is no workspace ${workspaceId}`);
    const user: UserRow = {
      id: serialUuid(this.#database.nextSerial()),
      workspaceId,
      externalId,
      deletion: null,
      nextNumber: 1,
      conversations: new Map(),
      transient: new Map(),
      active: new Set(),
      idempotency: new Map(),
      usage: new Map(),
      items: new Map(),
    };
    this.#database.users.set(user.id, user);
    this.#database.usersByExternalId.set(key, user);
    return user.id;
  }

  async findUser(workspaceId: WorkspaceId, externalId: string): Promise<UserId | null> {
    const user = this.#database.usersByExternalId.get(userKey(workspaceId, externalId));
    return user?.deletion === null ? user.id : null;
  }
}

export function beingDeleted(): ChatError {
  return new ChatError('database_unavailable', {
    retryAfterSeconds: 1,
    details: { reason: 'the user is being deleted' },
  });
}
