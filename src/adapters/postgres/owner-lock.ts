import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { backoffMs } from '../../lib/backoff.ts';
import type { OwnerId } from '../../ports/generations.ts';
import type { Db } from './pool.ts';
import type { Shard, Shards } from './shards.ts';

const RETRY_BASE_MS = 50;
const RETRY_MAX_MS = 1_000;
/** Claimers hold the key for the length of a statement at most. */
const LOCK_TIMEOUT_MS = 5_000;

/**
 * A lock on every shard, also on those that are opened later. Resolves when each shard has been tried: one
 * that cannot be reached is tried again for as long as it takes. Rejects where none can.
 */
export async function ownEverywhere(shards: Shards, owner: OwnerId): Promise<AsyncDisposable> {
  await using taken = new AsyncDisposableStack();
  const locks = new Map<Db, OwnerLock>();
  const take = (shard: Shard): Promise<void> => {
    const lock = new OwnerLock(shard.db, owner);
    locks.set(shard.db, lock);
    return lock.take();
  };
  taken.defer(async () => {
    await Promise.all([...locks.values()].map((lock) => lock[Symbol.asyncDispose]()));
  });
  taken.use(shards.onOpen((shard) => void take(shard).catch(() => {})));
  const first = await Promise.allSettled(shards.all().map(take));
  const failed = first.filter((each) => each.status === 'rejected');
  if (failed.length > 0 && failed.length === first.length) throw failed[0]!.reason;
  return taken.move();
}

/**
 * Holds a session lock under the owner's id on one shard, on an idle connection of its own, until
 * disposed of. Where the connection breaks it connects and locks again, for as long as it takes; rows
 * that were claimed or renewed meanwhile say that they were without the lock.
 */
export class OwnerLock implements AsyncDisposable {
  readonly #db: Db;
  readonly #owner: OwnerId;
  readonly #closing = new AbortController();
  #client: pg.Client | null = null;
  #ended: Promise<void> = Promise.resolve();
  #keeping: Promise<void> | null = null;

  constructor(db: Db, owner: OwnerId) {
    this.#db = db;
    this.#owner = owner;
  }

  /** Resolves when the lock is held for the first time; where it rejects, it is tried on. */
  async take(): Promise<void> {
    try {
      await this.#connect();
    } finally {
      this.#keeping = this.#keep();
    }
  }

  async #connect(): Promise<void> {
    const client = await this.#db.connect('chatterbot owner');
    const ended = new Promise<void>((resolve) => client.once('end', resolve));
    try {
      await client.query(`SET idle_session_timeout = 0; SET statement_timeout = ${LOCK_TIMEOUT_MS}`);
      await client.query('SELECT pg_advisory_lock(1128415492, owner_key($1))', [this.#owner]);
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
    this.#client = client;
    this.#ended = ended;
  }

  async #keep(): Promise<void> {
    const { signal } = this.#closing;
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    while (!signal.aborted) {
      if (this.#client) {
        await Promise.race([this.#ended, aborted]);
        if (signal.aborted) return;
        this.#client = null;
        this.#db.noteBreak();
      }
      for (let attempt = 0; !signal.aborted && !this.#client; attempt++) {
        // The first try at once: the sooner the lock is back, the fewer rows look abandoned.
        if (attempt > 0) {
          await sleep(backoffMs(attempt, RETRY_BASE_MS, RETRY_MAX_MS, Math.random()), null, { signal }).catch(() => {});
        }
        if (!signal.aborted) await this.#connect().catch(() => {});
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#keeping;
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => {});
  }
}
