import { BrokenCircuitError } from 'cockatiel';
import { LRUCache } from 'lru-cache';
import { rendezvous, type Weighted } from '../../lib/rendezvous.ts';
import type { UserId } from '../../ports/generations.ts';
import type { ChatError } from '../../protocol/errors.ts';
import { isUnavailable, type WaitClock, waitForArrival } from './moving.ts';
import type { Away, Freshness, HomeState, PlacedUser } from './shards.ts';

/** What finding a user stands on. `D`: a database to run statements on; every call may throw `database_unavailable`. */
export type RoutingPorts<D, S> = {
  /** Those that this process has open. */
  shards(): readonly S[];
  /** Opens it where the list has it; throws where it cannot be used. */
  opened(id: number): Promise<S>;
  /** As the directory has them. */
  findUser(userId: UserId): Promise<PlacedUser | null>;
  homeOf(db: D, userId: UserId): Promise<HomeState | null>;
  makeHome(shard: S, user: PlacedUser): Promise<void>;
  /** A replica that is fit to read from. */
  standby(shard: S): D | null;
  clock: WaitClock;
  /** Users whose shard is remembered, at most. */
  maxKnown: number;
  /** Users who are remembered to be nowhere, at most. */
  maxGone: number;
};

/**
 * Where one process looks for users: by what it knows, else by the directory, else by asking the shards. What it
 * knows may be stale, since every statement says whether the user is at home where it ran. The simulation runs
 * this very code on shards in memory.
 */
export class UserRouting<D, S extends Weighted & { db: D }> {
  readonly #ports: RoutingPorts<D, S>;
  readonly #known: LRUCache<UserId, number>;
  /** Not placed by the directory when it was last asked. */
  readonly #gone: LRUCache<UserId, true>;

  constructor(ports: RoutingPorts<D, S>) {
    this.#ports = ports;
    this.#known = new LRUCache({ max: ports.maxKnown });
    this.#gone = new LRUCache({ max: ports.maxGone });
  }

  forget(userId: UserId): void {
    this.#known.delete(userId);
  }

  noteGone(userId: UserId): void {
    this.#known.delete(userId);
    this.#gone.set(userId, true);
  }

  isGone(userId: UserId): boolean {
    return this.#gone.has(userId);
  }

  async locate(userId: UserId): Promise<S | null> {
    const id = this.#known.get(userId);
    const known = this.#ports.shards().find((shard) => shard.id === id);
    return known ?? (await this.#look(userId))?.shard ?? null;
  }

  async atHome<T>(userId: UserId, attempt: (db: D) => Promise<T>, { isAway, patience }: Away<T>): Promise<T | null> {
    const { clock } = this.#ports;
    const since = clock.now();
    let shard = await this.locate(userId);
    for (let look = 0; shard; look++) {
      let result: T;
      try {
        result = await attempt(shard.db);
      } catch (error) {
        if (!isUnavailable(error)) throw error;
        shard = await this.#elsewhere(userId, shard, error);
        continue;
      }
      if (!isAway(result)) return result;
      const next = await this.#look(userId);
      if (next?.shard.id === shard.id) {
        if (next.placed) await this.#ports.makeHome(next.shard, next.placed);
        if (patience === 'once') return result;
        await waitForArrival(look, since, clock);
      }
      shard = next?.shard ?? null;
    }
    return null;
  }

  /**
   * What was read is the user's own data, whole, where the home is still there afterwards: only then can
   * nothing have been removed before.
   */
  async read<T>(userId: UserId, freshness: Freshness, none: T, attempt: (db: D) => Promise<T>): Promise<T> {
    const { clock } = this.#ports;
    const since = clock.now();
    let shard = await this.locate(userId);
    for (let look = 0; shard; look++) {
      const standby = freshness === 'settled' ? this.#ports.standby(shard) : null;
      const settled = standby && (await this.#tryRead(standby, userId, attempt));
      if (settled?.state === 'active' && settled.value.ok) return settled.value.value;
      const { state, value } = await this.#tryRead(shard.db, userId, attempt);
      if (state === 'active') return unwrap(value);
      const next = await this.#look(userId);
      if (next?.shard.id === shard.id) {
        // Frozen, and the directory names this shard after the reading: nothing newer is anywhere.
        if (state === 'frozen' && next.placed) return unwrap(value);
        if (state === 'absent') return none;
        if (state === 'unknown') return unwrap(value);
        await waitForArrival(look, since, clock);
      }
      shard = next?.shard ?? null;
    }
    return none;
  }

  /** Where the directory has placed one. */
  async makeHome(user: PlacedUser): Promise<void> {
    const shard = await this.#ports.opened(user.shard);
    await this.#ports.makeHome(shard, user);
    this.#known.set(user.userId, user.shard);
    this.#gone.delete(user.userId);
  }

  /** Past what this process knew. `placed`: as the directory says, where it could be asked. */
  async #look(userId: UserId): Promise<{ shard: S; placed: PlacedUser | null } | null> {
    let placed: PlacedUser | null;
    try {
      placed = await this.#ports.findUser(userId);
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      const shard = await this.#search(userId);
      if (!shard) throw error;
      this.#known.set(userId, shard.id);
      return { shard, placed: null };
    }
    if (!placed) {
      this.noteGone(userId);
      return null;
    }
    const shard = await this.#ports.opened(placed.shard);
    this.#known.set(userId, shard.id);
    this.#gone.delete(userId);
    return { shard, placed };
  }

  /**
   * Without the directory: the shards in the order in which the user's hash prefers them, since the first may be
   * newer than the user; a tombstone names the next. Throws where one that cannot be asked may be the home.
   */
  async #search(userId: UserId): Promise<S | null> {
    const order = rendezvous(userId, this.#ports.shards());
    let frozen: S | null = null;
    let away: unknown = null;
    while (order.length > 0) {
      const shard = order.shift()!;
      try {
        const home = await this.#ports.homeOf(shard.db, userId);
        if (home?.state === 'active') return shard;
        if (home?.state === 'frozen') frozen = shard;
        const next = order.findIndex(({ id }) => id === home?.moved_to);
        if (next > 0) order.unshift(...order.splice(next, 1));
      } catch (error) {
        if (!isUnavailable(error)) throw error;
        away = error;
      }
    }
    if (away !== null) throw away;
    return frozen;
  }

  /** Of a shard that is away: where else the user may be by now. Only what was not even tried may be tried there. */
  async #elsewhere(userId: UserId, shard: S, error: ChatError): Promise<S> {
    this.forget(userId);
    if (!(error.cause instanceof BrokenCircuitError)) throw error;
    const next = await this.#look(userId).catch(() => null);
    if (!next || next.shard.id === shard.id) throw error;
    return next.shard;
  }

  async #tryRead<T>(
    db: D,
    userId: UserId,
    attempt: (db: D) => Promise<T>,
  ): Promise<{ state: HomeState['state'] | 'absent' | 'unknown'; value: Settled<T> }> {
    let value: Settled<T>;
    try {
      value = { ok: true, value: await attempt(db) };
    } catch (error) {
      value = { ok: false, error };
      if (isUnavailable(error)) return { state: 'unknown', value };
    }
    try {
      const home = await this.#ports.homeOf(db, userId);
      return { state: home?.state ?? 'absent', value };
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      return { state: 'unknown', value: { ok: false, error } };
    }
  }
}

type Settled<T> = { ok: true; value: T } | { ok: false; error: unknown };

function unwrap<T>(settled: Settled<T>): T {
  if (settled.ok) return settled.value;
  throw settled.error;
}
