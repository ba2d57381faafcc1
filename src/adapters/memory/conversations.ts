import {
  type BranchMessage,
  type BranchPage,
  type Conversation,
  type ConversationChange,
  type ConversationPage,
  type Conversations,
  type Feedback,
  type Imported,
  type ImportedConversation,
  type ImportedMessage,
  type Message,
  NOTHING_STORED,
  type SearchHit,
  type Stored,
} from '../../ports/conversations.ts';
import type { ConversationId, GenerationId, MessageId, UserId } from '../../ports/generations.ts';
import { ChatError } from '../../protocol/errors.ts';
import { ancestors, byId, messageTree, newestLeaf, withSiblings } from './branches.ts';
import type { ConversationRow, MemoryDatabase, MessageRow } from './database.ts';
import { formatCursor, isPast, newestFirst, parseCursor } from './list-cursor.ts';
import { searchMessages } from './search.ts';
import { storedText } from './stored-text.ts';

export class MemoryConversations implements Conversations {
  readonly #database: MemoryDatabase;

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  async list(userId: UserId, page: ConversationPage): Promise<{ items: readonly Conversation[]; next: string | null }> {
    const after = page.after === undefined ? null : parseCursor(page.after);
    const rows = this.#listed(userId)
      .filter((row) => page.archived === undefined || row.archived === page.archived)
      .filter((row) => page.pinned === undefined || row.pinned === page.pinned)
      .filter((row) => page.folder === undefined || (row.folderId ?? 'none') === page.folder)
      .filter((row) => after === null || isPast(row, after))
      .sort(newestFirst);
    const items = rows.slice(0, page.limit);
    const last = items.at(-1);
    return { items: items.map(toConversation), next: last && rows.length > items.length ? formatCursor(last) : null };
  }

  async get(userId: UserId, number: number): Promise<Conversation | null> {
    const row = this.#database.conversation(userId, number);
    return row && toConversation(row);
  }

  async update(userId: UserId, number: number, change: ConversationChange): Promise<Conversation | null> {
    const row = this.#database.conversation(userId, number);
    if (!row || (change.ifTitle !== undefined && change.ifTitle !== row.title)) return null;
    if (change.title !== undefined) row.title = storedText(change.title);
    if (change.pinned !== undefined) row.pinned = change.pinned;
    if (change.archived !== undefined) row.archived = change.archived;
    if (change.temporary !== undefined) row.temporary = change.temporary;
    if (change.folderId !== undefined) row.folderId = change.folderId;
    if (change.settings !== undefined) row.settings = structuredClone(change.settings);
    return toConversation(row);
  }

  async import(userId: UserId, imported: ImportedConversation): Promise<Imported | null> {
    const user = this.#database.users.get(userId);
    if (!user) return null;
    const known = [...user.conversations.values()].find((row) => row.source === imported.source);
    if (known) return { number: known.number, isNew: false };
    const { messages, ...facts } = imported;
    const row: ConversationRow = {
      ...facts,
      title: storedText(facts.title),
      user,
      number: user.nextNumber,
      pinned: false,
      folderId: null,
      temporary: false,
      settings: {},
      deleted: false,
      messages: new Map(messages.map((message) => [message.id, importedMessage(message)])),
    };
    user.nextNumber += 1;
    user.conversations.set(row.number, row);
    return { number: row.number, isNew: true };
  }

  async remove(userId: UserId, number: number): Promise<readonly GenerationId[] | null> {
    const row = this.#database.conversation(userId, number);
    if (!row) return null;
    deleteRow(row);
    const active = [...row.user.active].filter((generation) => generation.conversation === row);
    // The mark is durable here, should whoever is to stop them die before it does.
    for (const generation of active) generation.stopRequested = true;
    return active.map((generation) => generation.id);
  }

  async branch(userId: UserId, number: number, page: BranchPage): Promise<readonly BranchMessage[] | null> {
    const row = this.#database.conversation(userId, number);
    if (!row) return null;
    const tree = messageTree(row);
    const named = [page.leaf, page.through, page.before].filter((id) => id !== undefined);
    if (!named.every((id) => tree.has(id))) throw new ChatError('message_not_found');
    // A message has one path to the root, so `before` alone says where the page goes on.
    const start =
      page.before === undefined ? (page.leaf ?? newestLeaf(tree, page.through)) : tree.get(page.before)!.parentId;
    return ancestors(tree, start)
      .slice(0, page.limit)
      .map((message) => withSiblings(tree, message));
  }

  async history(
    userId: UserId,
    conversationId: ConversationId,
    leaf: MessageId,
    limit: number,
  ): Promise<readonly Message[]> {
    const row = this.#visible(userId).find((candidate) => candidate.id === conversationId);
    if (!row) return [];
    const stored: Message[] = [];
    for (const { pending, ...message } of ancestors(messageTree(row), leaf)) {
      if (pending === null && stored.length < limit) stored.push(message);
    }
    return stored.reverse();
  }

  async message(userId: UserId, id: MessageId): Promise<Message | null> {
    const transient = this.#database.users.get(userId)?.transient.values() ?? [];
    for (const row of [...this.#visible(userId), ...transient]) {
      const message = row.messages.get(id);
      if (message) return { ...message };
    }
    return null;
  }

  async all(userId: UserId, number: number): Promise<readonly Message[] | null> {
    const row = this.#database.conversation(userId, number);
    return row && storedMessages(row).map((message) => ({ ...message }));
  }

  async setFeedback(userId: UserId, number: number, messageId: MessageId, feedback: Feedback | null): Promise<boolean> {
    const message = this.#database.conversation(userId, number)?.messages.get(messageId);
    if (message?.role !== 'assistant') return false;
    message.feedback = feedback && {
      rating: feedback.rating,
      ...(feedback.comment === undefined ? {} : { comment: storedText(feedback.comment) }),
    };
    return true;
  }

  async search(userId: UserId, query: string, limit: number): Promise<readonly SearchHit[]> {
    return searchMessages(this.#listed(userId), query, limit);
  }

  async stored(userId: UserId): Promise<Stored> {
    const user = this.#database.users.get(userId);
    if (!user) return NOTHING_STORED;
    const all = [...user.conversations.values()];
    const there = all.filter((row) => !row.deleted);
    const kept = there.filter((row) => !row.temporary);
    const messages = all.flatMap((row) => [...row.messages.values()]);
    return {
      conversations: {
        kept: kept.length,
        archived: kept.filter((row) => row.archived).length,
        temporary: there.length - kept.length,
        deleted: all.filter((row) => row.deleted && row.messages.size > 0).length,
      },
      messages: {
        recent: messages.length,
        archived: 0,
        bytes: messages.reduce((sum, { content, reasoning }) => sum + Buffer.byteLength(content + reasoning), 0),
      },
      generations: [...this.#database.generations.values()].filter((row) => row.user === user).length,
      usageDays: user.usage.size,
    };
  }

  #listed(userId: UserId): ConversationRow[] {
    return this.#visible(userId).filter((row) => !row.temporary);
  }

  #visible(userId: UserId): ConversationRow[] {
    const user = this.#database.users.get(userId);
    return user ? [...user.conversations.values()].filter((row) => !row.deleted) : [];
  }
}

/** What is said about it, and what shows it to others, goes with it. */
export function deleteRow(row: ConversationRow): void {
  Object.assign(row, { deleted: true, folderId: null, settings: {}, source: null });
  for (const item of row.user.items.values()) {
    if (item.kind === 'share' && item.conversationId === row.id) row.user.items.delete(item.id);
  }
}

function importedMessage(message: ImportedMessage): MessageRow {
  return {
    ...message,
    content: storedText(message.content),
    reasoning: '',
    status: 'done',
    model: null,
    finishReason: null,
    epochs: [],
    receipt: null,
    feedback: null,
  };
}

function storedMessages(row: ConversationRow): MessageRow[] {
  return [...row.messages.values()].sort(byId);
}

function toConversation(row: ConversationRow): Conversation {
  return {
    id: row.id,
    number: row.number,
    title: row.title,
    pinned: row.pinned,
    archived: row.archived,
    folderId: row.folderId,
    temporary: row.temporary,
    settings: structuredClone(row.settings),
    messageCount: row.messages.size,
    lastMessageId: storedMessages(row).at(-1)?.id ?? null,
    answering: [...row.user.active].some((generation) => generation.conversation === row),
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
}
