import type { UserId } from '../../ports/generations.ts';
import type { Db, Statement } from './pool.ts';
import type { ShardSet } from './shard-set.ts';
import { MAKE_HOME } from './shards.ts';

/**
 * How a shard that was brought back to an earlier moment differs from what the directory says now.
 * - `left`: has moved away since; what stands here is a stale copy.
 * - `deleted`: was deleted since; what stands here is to be deleted again.
 * - `returned`: was away and came back since; what stands here is of before.
 * - `frozen`: was about to move, and that move is over.
 * - `arrived`: came since, from `from`, in whose backup is what they had before then; null: came as a new user.
 * - `moving`: on the move at this moment; looked at when that is over.
 * - `ahead`, `unknown`: it is the directory that knows less; nothing is done here.
 */
export type Difference = { userId: UserId; workspaceId: string; name: string | null } & (
  | { kind: 'left'; epoch: number; to: number }
  | { kind: 'deleted'; epoch: number }
  | { kind: 'returned'; epoch: number; directoryEpoch: number; wasDeleted: boolean }
  | { kind: 'frozen'; epoch: number }
  | { kind: 'arrived'; directoryEpoch: number; from: string | null }
  | { kind: 'moving' }
  | { kind: 'ahead' }
  | { kind: 'unknown' }
);
export type DifferenceKind = Difference['kind'];

type Home = { userId: UserId; workspaceId: string; epoch: number; state: 'active' | 'frozen' | 'gone' };
type Place = {
  userId: UserId;
  /** Of these three null: the directory does not know the user. */
  name: string | null;
  shard: number | null;
  epoch: number | null;
  isBeingDeleted: boolean;
  isMoving: boolean;
  /** Of the last home that a deletion which is over has closed. */
  deletedEpoch: number | null;
};
type Resident = { userId: UserId; workspaceId: string; name: string; epoch: number };

const PAGE = 1_000;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';
const REMOVE_BATCH = 2_000;

const IDENTITY: Statement = { name: 'identity', text: 'SELECT cluster, shard FROM shard_identity' };
const HOMES: Statement = {
  name: 'page_of_homes',
  text: `SELECT user_id AS "userId", workspace_id AS "workspaceId", epoch, state FROM user_home
    WHERE user_id > $1 ORDER BY user_id LIMIT $2`,
};
const PLACES: Statement = {
  name: 'places_of_users',
  text: `SELECT a.user_id AS "userId", u.external_id AS name, u.shard, u.epoch, u.deletion IS NOT NULL AS "isBeingDeleted",
      m.id IS NOT NULL AS "isMoving",
      (SELECT max(d.epoch) FROM user_deletions AS d WHERE d.user_id = a.user_id AND d.finished_at IS NOT NULL) AS "deletedEpoch"
    FROM unnest($1::uuid[]) AS a (user_id)
    LEFT JOIN users AS u ON u.user_id = a.user_id
    LEFT JOIN user_moves AS m ON m.user_id = a.user_id`,
};
const RESIDENTS: Statement = {
  name: 'page_of_residents',
  text: `SELECT u.user_id AS "userId", u.workspace_id AS "workspaceId", u.external_id AS name, u.epoch FROM users AS u
    WHERE u.shard = $1 AND u.user_id > $2 AND u.deletion IS NULL
      AND NOT EXISTS (SELECT FROM user_moves AS m WHERE m.user_id = u.user_id) ORDER BY u.user_id LIMIT $3`,
};
const KNOWN_HOMES: Statement = {
  name: 'known_homes',
  text: 'SELECT user_id AS "userId" FROM user_home WHERE user_id = ANY ($1)',
};
const CAME_FROM: Statement = {
  name: 'came_from',
  text: `SELECT user_id AS "userId" FROM user_home WHERE user_id = ANY ($1) AND state = 'gone' AND moved_to = $2`,
};
/** Nobody writes to a frozen home; whatever is broken off here is found again. */
const HOLD: Statement = {
  name: 'hold_home',
  text: `UPDATE user_home SET state = 'frozen', move_id = NULL, moved_to = NULL WHERE user_id = $1 AND epoch = $2`,
};
const REMOVE: Statement = { name: 'remove_rows', text: 'SELECT messages < $2 AS done FROM remove_rows($1, $2)' };
const LEAVE: Statement = {
  name: 'leave_home',
  text: `UPDATE user_home SET state = 'gone', moved_to = $3 WHERE user_id = $1 AND epoch = $2 AND state = 'frozen'`,
};
const REOPEN: Statement = {
  name: 'reopen_home',
  text: `UPDATE user_home SET state = 'active', epoch = $3, move_id = NULL, moved_to = NULL
    WHERE user_id = $1 AND epoch = $2 AND state <> 'gone'`,
};

/** Whether the database is this shard of this directory: another one is not to be touched. */
export async function isShard(shards: ShardSet, shard: number, db: Db): Promise<boolean> {
  const [[here], [there]] = await Promise.all([
    shards.directory.query<{ cluster: string }>(IDENTITY, []),
    db.query<{ cluster: string; shard: number }>(IDENTITY, []),
  ]);
  return here !== undefined && here.cluster === there?.cluster && there.shard === shard;
}

/** `db`: of the shard, wherever it stands now. Nothing is changed. */
export async function* differences(shards: ShardSet, shard: number, db: Db): AsyncGenerator<Difference> {
  for (let after = FIRST_ID; ; ) {
    const homes = await db.query<Home>(HOMES, [after, PAGE]);
    const ids = homes.map(({ userId }) => userId);
    const places = await shards.directory.query<Place>(PLACES, [ids]);
    const placeOf = new Map(places.map((place) => [place.userId, place]));
    for (const home of homes) {
      const difference = compare(shard, home, placeOf.get(home.userId)!);
      if (difference) yield difference;
    }
    if (homes.length < PAGE) break;
    after = ids.at(-1)!;
  }
  yield* withoutHome(shards, shard, db);
}

function compare(shard: number, home: Home, place: Place): Difference | null {
  const { userId, workspaceId, epoch } = home;
  const { name, deletedEpoch } = place;
  const who = { userId, workspaceId, name };
  const isHere = home.state !== 'gone';
  // A deletion that is under way comes by every shard itself.
  if (place.isBeingDeleted) return null;
  if (place.isMoving) return { ...who, kind: 'moving' };
  if (place.shard === null || place.epoch === null) {
    if (!isHere) return null;
    return deletedEpoch !== null && deletedEpoch >= epoch
      ? { ...who, kind: 'deleted', epoch }
      : { ...who, kind: 'unknown' };
  }
  if (place.shard !== shard) return isHere ? { ...who, kind: 'left', epoch, to: place.shard } : null;
  const directoryEpoch = place.epoch;
  if (epoch > directoryEpoch) return { ...who, kind: 'ahead' };
  if (!isHere) {
    return epoch < directoryEpoch ? { ...who, kind: 'arrived', directoryEpoch, from: null } : { ...who, kind: 'ahead' };
  }
  if (epoch < directoryEpoch) {
    return {
      ...who,
      kind: 'returned',
      epoch,
      directoryEpoch,
      wasDeleted: deletedEpoch !== null && deletedEpoch >= epoch,
    };
  }
  return home.state === 'frozen' ? { ...who, kind: 'frozen', epoch } : null;
}

/** Who lives here by the directory, and was not here at that moment. */
async function* withoutHome(shards: ShardSet, shard: number, db: Db): AsyncGenerator<Difference> {
  for (let after = FIRST_ID; ; ) {
    const residents = await shards.directory.query<Resident>(RESIDENTS, [shard, after, PAGE]);
    const known = new Set(
      (await db.query<{ userId: UserId }>(KNOWN_HOMES, [residents.map(({ userId }) => userId)])).map(
        ({ userId }) => userId,
      ),
    );
    const missing = residents.filter(({ userId }) => !known.has(userId));
    const origin = await originOf(
      shards,
      shard,
      missing.map(({ userId }) => userId),
    );
    for (const { userId, workspaceId, name, epoch } of missing) {
      const from = origin.get(userId) ?? null;
      yield { userId, workspaceId, name, kind: 'arrived', directoryEpoch: epoch, from };
    }
    if (residents.length < PAGE) return;
    after = residents.at(-1)!.userId;
  }
}

/** A shard that somebody moved away from keeps a tombstone that says where to. */
async function originOf(shards: ShardSet, shard: number, ids: readonly UserId[]): Promise<Map<UserId, string>> {
  const origin = new Map<UserId, string>();
  for (const { id, name, db } of shards.all()) {
    if (id === shard || ids.length === 0) continue;
    for (const { userId } of await db.query<{ userId: UserId }>(CAME_FROM, [ids, shard])) origin.set(userId, name);
  }
  return origin;
}

/** False: there is nothing that may be done about it here. Each step may be broken off, and is found again. */
export async function repair(db: Db, difference: Difference): Promise<boolean> {
  const { userId, workspaceId } = difference;
  switch (difference.kind) {
    case 'left':
    case 'deleted':
      await db.query(HOLD, [userId, difference.epoch]);
      await removeRows(db, userId);
      await db.query(LEAVE, [userId, difference.epoch, difference.kind === 'left' ? difference.to : null]);
      return true;
    case 'returned':
      if (difference.wasDeleted) {
        await db.query(HOLD, [userId, difference.epoch]);
        await removeRows(db, userId);
      }
      await db.query(REOPEN, [userId, difference.epoch, difference.directoryEpoch]);
      return true;
    case 'frozen':
      await db.query(REOPEN, [userId, difference.epoch, difference.epoch]);
      return true;
    case 'arrived':
      // What an earlier stay had left is not theirs any more.
      await removeRows(db, userId);
      await db.query(MAKE_HOME, [userId, workspaceId, difference.directoryEpoch]);
      return true;
    case 'moving':
    case 'ahead':
    case 'unknown':
      return false;
  }
}

async function removeRows(db: Db, userId: UserId): Promise<void> {
  for (let done = false; !done; ) {
    done = (await db.query<{ done: boolean }>(REMOVE, [userId, REMOVE_BATCH]))[0]!.done;
  }
}
