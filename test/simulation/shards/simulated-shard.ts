import { MemoryConversations } from '../../../src/adapters/memory/conversations.ts';
import { MemoryDatabase, type MemoryDatabaseOptions, type UserRow } from '../../../src/adapters/memory/database.ts';
import { MemoryGenerations } from '../../../src/adapters/memory/generations.ts';
import { MemoryOutbox } from '../../../src/adapters/memory/outbox.ts';
import type { UserMove } from '../../../src/adapters/postgres/move-carrier.ts';
import type { HomeState, PlacedUser } from '../../../src/adapters/postgres/shards.ts';
import type { UserId } from '../../../src/ports/generations.ts';
import type { Rule } from '../rules.ts';
import { copyUser, emptyUser, installUser, removeUser, type UserCopy } from './user-rows.ts';
import type { Witness } from './witness.ts';

type Home = HomeState & { workspace_id: string; move_id: string | null };
/** The target's home, locked for the transaction of a copy. */
type Arrival = { mover: object; lastWordAt: number };

/** The user is not at home here: the statement has done nothing. */
export const AWAY = Symbol('away');

/** As the copy's session sets it (`idle_in_transaction_session_timeout`): a mover that is paused lets go. */
const IDLE_TIMEOUT_MS = 10_000;
const REMOVED_AT_ONCE = 2;

class ShardDatabase extends MemoryDatabase {
  readonly homes = new Map<UserId, Home>();

  override residents(): readonly UserRow[] {
    return super.residents().filter(({ id }) => this.homes.get(id)?.state === 'active');
  }
}

export type ShardSettings = {
  id: number;
  timings: MemoryDatabaseOptions;
  now: () => number;
  without: Rule | undefined;
};

/**
 * One shard: the in-memory store behind `user_home`, and what sql/0011 and sql/0013 do to homes. Each method is
 * one transaction, since it runs to its end before anything else does.
 */
export class SimulatedShard {
  readonly id: number;
  readonly name: string;
  readonly database: ShardDatabase;
  readonly generations: MemoryGenerations;
  readonly outbox: MemoryOutbox;
  readonly conversations: MemoryConversations;
  readonly witness: Witness;
  /** Null: up. */
  downSince: number | null = null;
  /** Chance that what was committed is not heard of. */
  losesReplies = 0;
  readonly #without: Rule | undefined;
  readonly #arrivals = new Map<UserId, Arrival>();

  constructor({ id, timings, now, without }: ShardSettings, witness: Witness) {
    this.id = id;
    this.name = `shard-${id}`;
    this.database = new ShardDatabase(timings, now);
    this.generations = new MemoryGenerations(this.database);
    this.outbox = new MemoryOutbox(this.database);
    this.conversations = new MemoryConversations(this.database);
    this.witness = witness;
    this.#without = without;
  }

  get homes(): ReadonlyMap<UserId, Home> {
    return this.database.homes;
  }

  /** Every lock and every open transaction is gone. */
  restart(retakenAfterMs: number): void {
    this.database.restart(retakenAfterMs);
    this.#arrivals.clear();
  }

  /** `lock_user`, then the statement. */
  async write<T>(userId: UserId, work: (shard: this) => Promise<T>): Promise<T | typeof AWAY> {
    const state = this.homes.get(userId)?.state;
    if (state !== 'active' && this.#without !== 'home-check') return AWAY;
    const result = work(this);
    this.witness.wrote(this, userId);
    return await result;
  }

  makeHome({ userId, workspaceId, epoch }: PlacedUser): void {
    const home = this.homes.get(userId);
    if (home && !(home.state === 'gone' && home.epoch < epoch)) return;
    this.#setHome(userId, { workspace_id: workspaceId, epoch, state: 'active', move_id: null, moved_to: null });
    if (!this.database.users.has(userId)) this.database.users.set(userId, emptyUser(userId, workspaceId));
  }

  freezeHome({ user_id, from_epoch, id, target }: UserMove): void {
    const home = this.homes.get(user_id);
    if (home?.state !== 'active' || home.epoch !== from_epoch || this.#without === 'freeze') return;
    this.#setHome(user_id, { ...home, state: 'frozen', move_id: id, moved_to: target });
  }

  /** `await_arrival`: locks the target's home. `locked`: another copy holds it, ask again. */
  awaitArrival({ user_id, workspace_id, to_epoch }: UserMove, mover: object): 'locked' | 'arrived' | 'awaited' {
    const standing = this.#arrivals.get(user_id);
    const now = this.database.now();
    if (standing && standing.mover !== mover && now - standing.lastWordAt < IDLE_TIMEOUT_MS) return 'locked';
    const home = this.homes.get(user_id) ?? {
      workspace_id,
      epoch: 0,
      state: 'gone' as const,
      move_id: null,
      moved_to: null,
    };
    if (this.#without !== 'arrival-check') {
      if (home.epoch >= to_epoch) return 'arrived';
      if (home.state !== 'gone') throw new Error(`user ${user_id} has a home here already, of epoch ${home.epoch}`);
    }
    this.#setHome(user_id, home);
    this.#arrivals.set(user_id, { mover, lastWordAt: now });
    return 'awaited';
  }

  /** The mover of an arrival is gone, or gives up: its transaction is rolled back. */
  rollBack(mover: object): void {
    for (const [userId, arrival] of this.#arrivals) if (arrival.mover === mover) this.#arrivals.delete(userId);
  }

  /** At the source. Throws where it is not frozen by this move. */
  readFrozen({ user_id, id }: UserMove): UserCopy {
    const home = this.homes.get(user_id);
    const isFrozen = home?.state === 'frozen' && home.move_id === id;
    if (!isFrozen && this.#without !== 'freeze') throw new Error(`the source of move ${id} is not frozen by it`);
    return copyUser(this.database, user_id);
  }

  /** Rows and home at once, or nothing. */
  commitArrival({ user_id, workspace_id, to_epoch, id }: UserMove, mover: object, copy: UserCopy): void {
    const arrival = this.#arrivals.get(user_id);
    const isOpen = arrival?.mover === mover && this.database.now() - arrival.lastWordAt < IDLE_TIMEOUT_MS;
    if (!isOpen) throw new Error(`the copy of move ${id} was rolled back`);
    removeUser(this.database, user_id);
    installUser(this.database, copy);
    this.#arrivals.delete(user_id);
    this.#setHome(user_id, { workspace_id, epoch: to_epoch, state: 'active', move_id: null, moved_to: null });
    this.witness.wrote(this, user_id);
  }

  retireHome({ user_id, id }: UserMove): void {
    const home = this.homes.get(user_id);
    const isOwn = home?.state === 'frozen' && home.move_id === id;
    if (home && (isOwn || this.#without === 'retire-check' || this.#without === 'freeze'))
      this.#setHome(user_id, { ...home, state: 'gone', move_id: id });
  }

  /** True: nothing is left to do here. */
  removeMoved({ user_id, id }: UserMove): boolean {
    const home = this.homes.get(user_id);
    if (home?.state !== 'gone' || home.move_id !== id) return true;
    const user = this.database.users.get(user_id);
    const [first, ...others] = user?.conversations.values() ?? [];
    if (first && others.length >= REMOVED_AT_ONCE) {
      // Of what is taken away in pieces, whoever reads in between must not take the rest for all.
      for (const message of [...first.messages.keys()]) first.messages.delete(message);
      user!.conversations.delete(first.number);
      return false;
    }
    removeUser(this.database, user_id);
    return true;
  }

  #setHome(userId: UserId, home: Home): void {
    this.database.homes.set(userId, home);
    this.witness.homeChanged(userId);
  }
}
