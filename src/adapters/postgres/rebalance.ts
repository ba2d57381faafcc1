import { setTimeout as sleep } from 'node:timers/promises';
import type { UserId } from '../../ports/generations.ts';
import type { MoveOutcome } from './move-carrier.ts';
import { isUnavailable } from './moving.ts';
import type { Statement } from './pool.ts';
import type { ShardSet } from './shard-set.ts';
import { UserMover } from './user-moves.ts';

type PlacedRow = { user_id: UserId; shard: number };

const PAGE: Statement = {
  name: 'page_of_users',
  text: 'SELECT user_id, shard FROM users WHERE user_id > $1 AND ($2::integer IS NULL OR shard = $2) ORDER BY user_id LIMIT 1000',
};
const FIRST_ID = '00000000-0000-0000-0000-000000000000';
/** More movers wait for the same disks. */
const MOVERS = 4;
/** A process that starts has its shards open, and a busy or restarting shard answers, a moment later. */
const RETRY_WAIT_MS = 1_000;
const MOST_TRIES = 30;

export type Rebalanced = {
  moved: number;
  rows: number;
  slowestFreezeMs: number;
  failed: { userId: UserId; reason: string }[];
};

/** Every user who is not where the hash prefers; `from`: of one shard only. */
export async function* misplaced(shards: ShardSet, from: number | null): AsyncGenerator<UserId> {
  for (let after = FIRST_ID; ; ) {
    const page = await shards.directory.query<PlacedRow>(PAGE, [after, from]);
    for (const { user_id, shard } of page) if (shards.preferred(user_id) !== shard) yield user_id;
    const last = page.at(-1);
    if (!last) return;
    after = last.user_id;
  }
}

/** Moves them, some at a time; orphans of earlier movers first. One that fails costs the others nothing. */
export async function rebalance(
  shards: ShardSet,
  from: number | null,
  onMoved: (sofar: Rebalanced) => void,
): Promise<Rebalanced> {
  const done: Rebalanced = { moved: 0, rows: 0, slowestFreezeMs: 0, failed: [] };
  const users = misplaced(shards, from);
  const work = async () => {
    await using mover = new UserMover(shards);
    for (let next = await users.next(); !next.done; next = await users.next()) {
      await moveOne(shards, mover, next.value, done);
      onMoved(done);
    }
  };
  {
    await using mover = new UserMover(shards);
    await mover.resume();
  }
  await Promise.all(Array.from({ length: MOVERS }, work));
  return done;
}

async function moveOne(shards: ShardSet, mover: UserMover, userId: UserId, done: Rebalanced): Promise<void> {
  try {
    for (let attempt = 1; ; attempt++) {
      const outcome = await tryToMove(shards, mover, userId, attempt === MOST_TRIES);
      if (outcome.kind === 'moved') {
        done.moved++;
        done.rows += outcome.rows;
        done.slowestFreezeMs = Math.max(done.slowestFreezeMs, outcome.frozenMs);
        return;
      }
      if (outcome.kind === 'there' || outcome.kind === 'unknown') return;
      if (outcome.kind === 'closed') throw new Error(REASONS.closed);
      if (attempt === MOST_TRIES && outcome.kind !== 'away') throw new Error(REASONS[outcome.kind]);
      await sleep(RETRY_WAIT_MS);
    }
  } catch (error) {
    done.failed.push({ userId, reason: error instanceof Error ? error.message : String(error) });
  }
}

/** `away`: a shard did not answer; the next try goes on where this one stopped. The last one throws. */
async function tryToMove(
  shards: ShardSet,
  mover: UserMover,
  userId: UserId,
  isLast: boolean,
): Promise<MoveOutcome | { kind: 'away' }> {
  try {
    return await mover.move(userId, shards.preferred(userId));
  } catch (error) {
    if (isLast || !isUnavailable(error)) throw error;
    return { kind: 'away' };
  }
}

const REASONS = {
  busy: 'another mover has it',
  closed: 'the shard takes no users',
  'not-open': 'a running process does not have the shard open',
} as const;
