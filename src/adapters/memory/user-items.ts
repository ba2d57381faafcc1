import type { UserId } from '../../ports/generations.ts';
import type { ItemInput, SharedBranch, UserItem, UserItems } from '../../ports/user-items.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { MemoryDatabase } from './database.ts';
import { beingDeleted } from './directory.ts';

export class MemoryUserItems implements UserItems {
  readonly #database: MemoryDatabase;

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  async list(userId: UserId): Promise<readonly UserItem[]> {
    return [...(this.#database.users.get(userId)?.items.values() ?? [])].map((item) => structuredClone(item));
  }

  async put(userId: UserId, item: ItemInput, most: number): Promise<void> {
    const user = this.#database.users.get(userId);
    if (!user) throw beingDeleted();
    const before = user.items.get(item.id);
    if (before && before.kind !== item.kind) throw new ChatError('item_id_taken');
    const alike = [...user.items.values()].filter(({ kind }) => kind === item.kind);
    if (!before && alike.length >= most) {
      throw new ChatError('too_many_items', { details: { kind: item.kind, limit: most } });
    }
    const now = this.#database.now();
    user.items.set(item.id, { ...structuredClone(item), createdAt: before?.createdAt ?? now, updatedAt: now });
  }

  async remove(userId: UserId, id: string): Promise<boolean> {
    const user = this.#database.users.get(userId);
    for (const conversation of user?.conversations.values() ?? []) {
      if (conversation.folderId === id) conversation.folderId = null;
    }
    return user?.items.delete(id) ?? false;
  }

  async findShare(id: string): Promise<SharedBranch | null> {
    for (const user of this.#database.residents()) {
      const item = user.items.get(id);
      if (item?.kind !== 'share') continue;
      const { id: _, createdAt, updatedAt: __, ...share } = structuredClone(item);
      return { userId: user.id, createdAt, share };
    }
    return null;
  }
}
