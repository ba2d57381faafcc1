import { LRUCache } from 'lru-cache';
import type { UserId, WorkspaceId } from '../../ports/generations.ts';
import { waitForArrival } from './moving.ts';
import type { Db, Statement } from './pool.ts';

export type Shard = { readonly id: number; readonly name: string; readonly db: Db };

/** A user as the directory has it. */
export type PlacedUser = { userId: UserId; workspaceId: WorkspaceId; shard: number; epoch: number };

/** `newest`: what has just been written is seen. `settled`: pages that hardly change, perhaps from a replica. */
export type Freshness = 'newest' | 'settled';

/**
 * Which database holds what: the only place that knows. `directory` has workspaces, keys, and the list
 * of users with their shards.
 */
export interface Shards {
  readonly directory: Db;
  all(): readonly Shard[];
  /** Told of each shard that is opened from now on. */
  onOpen(listener: (shard: Shard) => void): Disposable;
  /** By what this process knows, else by the directory, else by looking; null: there is no such user. */
  locate(userId: UserId): Promise<Shard | null>;
  /** It was not there: the next look asks the directory. */
  forget(userId: UserId): void;
  /** The user was deleted: what this process knows by the name is to be asked for again. */
  noteGone(userId: UserId): void;
  /** Noted so, or not found at the last look. */
  isGone(userId: UserId): boolean;
  /**
   * Runs `attempt` on the user's shard, and again, there or where the user has gone, for as long as it says
   * that its result `isAway`. `once`: the result of a user on the move is returned. Null: there is no such user.
   */
  atHome<T>(userId: UserId, attempt: (db: Db) => Promise<T>, away: Away<T>): Promise<T | null>;
  /** Of a user who is not there: `none`. */
  read<T>(userId: UserId, freshness: Freshness, none: T, attempt: (db: Db) => Promise<T>): Promise<T>;
  /** Where a new user is placed; null where no shard takes any. */
  place(userId: UserId): number | null;
  /** Where the directory has placed one. Does nothing where the home is there, or the user has moved on. */
  makeHome(user: PlacedUser): Promise<void>;
}

export type Away<T> = { isAway: (result: T) => boolean; patience?: 'once' };

export const MAKE_HOME: Statement = { name: 'make_home', text: 'SELECT make_home($1, $2, $3)' };
export const HOME_STATE: Statement = {
  name: 'home_state',
  text: 'SELECT state, epoch, moved_to FROM user_home WHERE user_id = $1',
};
export type HomeState = { state: 'active' | 'frozen' | 'gone'; epoch: number; moved_to: number | null };

const MAX_GONE = 10_000;

/** Of the embedded server: nobody moves, and nothing has to be found. */
export function singleShard(db: Db): Shards {
  const gone = new LRUCache<UserId, true>({ max: MAX_GONE });
  const shard: Shard = { id: 0, name: 'database', db };
  return {
    directory: db,
    all: () => [shard],
    onOpen: () => ({ [Symbol.dispose]() {} }),
    locate: async () => shard,
    forget() {},
    noteGone: (userId) => void gone.set(userId, true),
    isGone: (userId) => gone.has(userId),
    async atHome(userId, attempt, { isAway, patience }) {
      const since = performance.now();
      for (let look = 0; ; look++) {
        const result = await attempt(db);
        if (!isAway(result)) return result;
        const [home] = await db.query<HomeState>(HOME_STATE, [userId]);
        if (home === undefined || home.state === 'gone') {
          gone.set(userId, true);
          return null;
        }
        if (patience === 'once') return result;
        await waitForArrival(look, since);
      }
    },
    read: (_user, _freshness, _none, attempt) => attempt(db),
    place: () => 0,
    async makeHome({ userId, workspaceId, epoch }) {
      await db.query(MAKE_HOME, [userId, workspaceId, epoch]);
      gone.delete(userId);
    },
  };
}
