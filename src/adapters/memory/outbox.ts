import type { ConversationId, DispatchWindow, GenerationJob, UserId } from '../../ports/generations.ts';
import type { Acceptance, Accepted, Outbox, Published, SweepOptions, Swept } from '../../ports/outbox.ts';
import { ChatError } from '../../protocol/errors.ts';
import { acceptGeneration } from './accept.ts';
import { deleteRow } from './conversations.ts';
import { type GenerationRow, type MemoryDatabase, toGeneration, type UserRow } from './database.ts';
import { beingDeleted } from './directory.ts';
import { dispatchUser, firstInLine, isWaiting, markDispatched } from './dispatch.ts';
import { hasDied, hasLapsed } from './take-over.ts';

/** The delay between two sweeps of a row stops doubling here: some minutes. */
const MAX_BACKOFF_DOUBLINGS = 7;

export class MemoryOutbox implements Outbox {
  readonly #database: MemoryDatabase;

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  async accept(acceptance: Acceptance): Promise<Accepted> {
    const user = this.#database.users.get(acceptance.userId);
    if (!user) throw beingDeleted();
    const before = replayed(user, acceptance);
    if (before) return { generation: toGeneration(before), dispatched: [], replayed: true };
    const waiting = countQueued(user);
    if (waiting >= acceptance.maxWaiting) {
      throw new ChatError('too_many_waiting', { details: { waiting, limit: acceptance.maxWaiting } });
    }
    const row = acceptGeneration(this.#database, user, acceptance);
    const dispatched = dispatchUser(this.#database, user, acceptance.window);
    return { generation: toGeneration(row), dispatched, replayed: false };
  }

  async dispatchNext(userId: UserId, window: DispatchWindow): Promise<readonly GenerationJob[]> {
    return this.#dispatch(userId, window);
  }

  async markPublished(published: readonly Published[]): Promise<void> {
    for (const job of published) {
      const row = this.#database.generation(job);
      if (row?.state !== 'queued' || row.dispatchedAt === null) continue;
      row.publishedAt = this.#database.now();
      row.ticket = job.ticket;
    }
  }

  async makeIndirect(job: GenerationJob, window: DispatchWindow): Promise<readonly GenerationJob[]> {
    const row = this.#database.generation(job);
    if (row?.state === 'queued') row.direct = false;
    return this.#dispatch(job.userId, window);
  }

  async sweep(options: SweepOptions): Promise<Swept> {
    const now = this.#database.now();
    const rows = this.#database
      .residents()
      .flatMap((user) => [...user.active])
      .sort(bySweepDue);
    const stalled: GenerationJob[] = [];
    for (const row of rows) {
      if (stalled.length >= options.limit) break;
      if (!standsStill(this.#database, row, options)) continue;
      // What was to run directly goes through its lane from now on.
      if (row.direct && row.state === 'queued') {
        row.direct = false;
        markDispatched(row, now);
      }
      if (options.queueLost) row.sweeps = 0;
      this.#backOff(row);
      stalled.push({ id: row.id, userId: row.user.id, lane: row.lane });
    }
    return { stalled, waitingUsers: this.#waitingUsers(options.limit) };
  }

  async forgetTransient(afterMs: number, limit: number): Promise<number> {
    const until = this.#database.now() - afterMs;
    let forgotten = 0;
    for (const row of this.#database.generations.values()) {
      if (forgotten >= limit) break;
      if (row.conversation.number > 0 || row.finishedAt === null || row.finishedAt > until) continue;
      this.#forget(row);
      forgotten += 1;
    }
    return forgotten;
  }

  async forgetTemporary(afterMs: number, limit: number): Promise<readonly ConversationId[]> {
    const until = this.#database.now() - afterMs;
    const due = this.#database
      .residents()
      .flatMap((user) => [...user.conversations.values()])
      .filter((row) => row.temporary && row.messages.size > 0 && (row.deleted || row.updatedAt <= until))
      .filter((row) => ![...row.user.active].some(({ conversation }) => conversation === row))
      .slice(0, limit);
    for (const row of due) {
      deleteRow(row);
      row.title = '';
      row.messages.clear();
      for (const each of this.#database.generations.values()) if (each.conversation === row) this.#forget(each);
    }
    return due.map(({ id }) => id);
  }

  async countWaiting(userId: UserId): Promise<number> {
    const user = this.#database.users.get(userId);
    return user ? countQueued(user) : 0;
  }

  #waitingUsers(limit: number): readonly UserId[] {
    const now = this.#database.now();
    const users: UserId[] = [];
    for (const user of this.#database.residents()) {
      if (users.length >= limit) break;
      const due = firstInLine(user).filter((row) => isWaiting(row, now) && row.sweepDueAt <= now);
      if (due.length === 0) continue;
      for (const row of due) this.#backOff(row);
      users.push(user.id);
    }
    return users;
  }

  #forget(row: GenerationRow): void {
    const { user } = row;
    user.transient.delete(row.conversation.id);
    this.#database.generations.delete(row.id);
    for (const [key, { generation }] of user.idempotency) if (generation === row) user.idempotency.delete(key);
  }

  #backOff(row: GenerationRow): void {
    // What the queue never took is not its load: it is offered again and again until the queue is back.
    const isUnconfirmed = row.state === 'queued' && row.dispatchedAt !== null && row.publishedAt === null;
    const doublings = isUnconfirmed ? 0 : Math.min(row.sweeps, MAX_BACKOFF_DOUBLINGS);
    row.sweepDueAt = this.#database.now() + this.#database.options.sweepBackoffMs * 2 ** doublings;
    row.sweeps = isUnconfirmed ? Math.min(row.sweeps + 1, 2) : row.sweeps + 1;
  }

  #dispatch(userId: UserId, window: DispatchWindow): readonly GenerationJob[] {
    const user = this.#database.users.get(userId);
    return user ? dispatchUser(this.#database, user, window) : [];
  }
}

function replayed(user: UserRow, acceptance: Acceptance): GenerationRow | null {
  const before = acceptance.idempotency && user.idempotency.get(acceptance.idempotency.key);
  if (!before) return null;
  if (before.bodyHash !== acceptance.idempotency?.bodyHash) throw new ChatError('idempotency_conflict');
  return before.generation;
}

function countQueued(user: UserRow): number {
  let count = 0;
  for (const row of user.active) if (row.state === 'queued') count += 1;
  return count;
}

/** Longest due first; those swept before come after those never swept. */
function bySweepDue(a: GenerationRow, b: GenerationRow): number {
  return a.sweepDueAt - b.sweepDueAt || a.line - b.line;
}

function standsStill(database: MemoryDatabase, row: GenerationRow, options: SweepOptions): boolean {
  const now = database.now();
  // A row in its first delay was returned a moment ago, perhaps for this very loss: pages end.
  const isDue = row.sweepDueAt <= now || (options.queueLost && row.sweeps > 1);
  if (!isDue) return false;
  if (row.state === 'queued' && row.dispatchedAt !== null && options.queueLost) return true;
  if (row.state === 'running') {
    return hasLapsed(database, row) || (row.owner !== options.owner && hasDied(database, row));
  }
  if (row.direct) return row.createdAt + options.unclaimedAfterMs <= now && firstInLine(row.user).includes(row);
  if (row.dispatchedAt === null) return false;
  if (row.publishedAt === null) return row.dispatchedAt + options.unconfirmedAfterMs <= now;
  return row.publishedAt + options.unclaimedAfterMs <= now;
}
