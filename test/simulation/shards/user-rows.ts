import type { ConversationRow, GenerationRow, MemoryDatabase, UserRow } from '../../../src/adapters/memory/database.ts';
import type { UserId } from '../../../src/ports/generations.ts';
import { isTerminal } from '../../../src/protocol/generation.ts';

/** Everything of one user on one shard; `now`: that shard's clock when it was read. */
export type UserCopy = { user: UserRow; generations: readonly GenerationRow[]; now: number };

/** As the copy's: below this, two clocks are taken to agree. */
const CLOCKS_AGREE_MS = 250;

export function emptyUser(id: UserId, workspaceId: string): UserRow {
  return {
    id,
    workspaceId,
    externalId: '',
    deletion: null,
    transient: new Map(),
    nextNumber: 1,
    conversations: new Map(),
    active: new Set(),
    idempotency: new Map(),
    usage: new Map(),
    items: new Map(),
  };
}

export function generationsOf(database: MemoryDatabase, userId: UserId): GenerationRow[] {
  return [...database.generations.values()].filter((row) => row.user.id === userId).sort((a, b) => a.line - b.line);
}

/** Rows that later changes of the source do not reach. */
export function copyUser(database: MemoryDatabase, userId: UserId): UserCopy {
  const source = database.users.get(userId);
  if (!source) throw new Error(`there is no user ${userId}`);
  const user: UserRow = {
    ...source,
    conversations: new Map(),
    transient: new Map(),
    active: new Set(),
    idempotency: new Map(),
    items: new Map(source.items),
    usage: new Map([...source.usage].map(([name, sum]) => [name, { ...sum }])),
  };
  const conversations = new Map<ConversationRow, ConversationRow>();
  for (const row of [...source.conversations.values(), ...source.transient.values()]) {
    const messages = new Map([...row.messages].map(([id, message]) => [id, { ...message }]));
    const copy = { ...row, user, messages };
    conversations.set(row, copy);
    if (source.transient.has(row.id)) user.transient.set(copy.id, copy);
    else user.conversations.set(copy.number, copy);
  }
  const generations = new Map<GenerationRow, GenerationRow>();
  for (const row of generationsOf(database, userId)) {
    const copy = { ...row, user, conversation: conversations.get(row.conversation)! };
    generations.set(row, copy);
    if (!isTerminal(copy.state)) user.active.add(copy);
  }
  for (const [key, { bodyHash, generation }] of source.idempotency) {
    user.idempotency.set(key, { bodyHash, generation: generations.get(generation)! });
  }
  return { user, generations: [...generations.values()], now: database.now() };
}

/** The place in line is the target's own; only its order is kept. Due times are by the target's clock from now on. */
export function installUser(database: MemoryDatabase, { user, generations, now }: UserCopy): void {
  const difference = database.now() - now;
  const shift = Math.abs(difference) < CLOCKS_AGREE_MS ? 0 : difference;
  database.users.set(user.id, user);
  for (const row of generations) {
    row.line = database.nextSerial();
    database.generations.set(row.id, row);
    if (isTerminal(row.state)) continue;
    // Whose lock is held here, only a heartbeat tells.
    row.ownerLocked = false;
    row.leaseUntil += shift;
    row.dueAt += shift;
    row.sweepDueAt += shift;
    if (row.dispatchedAt !== null) row.dispatchedAt += shift;
    if (row.publishedAt !== null) row.publishedAt += shift;
  }
}

export function removeUser(database: MemoryDatabase, userId: UserId): void {
  for (const row of generationsOf(database, userId)) database.generations.delete(row.id);
  database.users.delete(userId);
}
