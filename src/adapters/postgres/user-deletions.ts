import { randomUUID } from 'node:crypto';
import type { ConversationId, GenerationId, WorkspaceId } from '../../ports/generations.ts';
import type {
  Cleared,
  DeletionReceipt,
  Erased,
  UserDeletion,
  UserDeletions,
  UserTraces,
} from '../../ports/user-deletions.ts';
import { isUnavailable, waitForArrival } from './moving.ts';
import type { Db, Statement } from './pool.ts';
import type { Shard, Shards } from './shards.ts';
import { isUuid, storable, toJsonb } from './text.ts';
import { userIdOf } from './user-id.ts';

const fields = (row: string) =>
  `${row}.id, ${row}.user_id AS "userId", ${row}.workspace_id AS "workspaceId", ${row}.shard AS home, ${row}.epoch`;
const BEGIN: Statement = {
  name: 'begin_deletion',
  text: `SELECT r.outcome, ${fields('(r.deletion)')} FROM begin_deletion($1, $2, $3) AS r`,
};
const TAKE_OVER: Statement = {
  name: 'take_over_deletions',
  text: `UPDATE user_deletions AS d SET touched_at = clock_timestamp()
    WHERE finished_at IS NULL AND touched_at < clock_timestamp() - $1 * interval '1 ms' RETURNING ${fields('d')}`,
};
const LEAVE: Statement = {
  name: 'leave_deletion',
  text: `UPDATE user_deletions SET touched_at = '-infinity' WHERE id = $1`,
};
const STOP: Statement = { name: 'stop_everything', text: 'SELECT stop_everything($1, $2) AS id' };
const CLOSE_HOME: Statement = { name: 'close_home', text: 'SELECT close_home($1, $2, $3)' };
const CLOSE: Statement = { name: 'close_user', text: 'UPDATE users SET closed = true WHERE deletion = $1' };
const CONVERSATIONS: Statement = {
  name: 'conversations_of_user',
  text: 'SELECT id FROM conversations WHERE user_id = $1',
};
/** No token log lives longer after its end. */
const GENERATIONS: Statement = {
  name: 'recent_generations_of_user',
  text: `SELECT id FROM generations WHERE user_id = $1 AND (finished_at IS NULL OR finished_at > now() - interval '7 days')`,
};
const NOTE_CLEARED: Statement = {
  name: 'note_cleared',
  text: 'UPDATE user_deletions SET cleared = coalesce(cleared, $2::jsonb), touched_at = clock_timestamp() WHERE id = $1',
};
const TOUCH: Statement = {
  name: 'touch_deletion',
  text: 'UPDATE user_deletions SET touched_at = clock_timestamp() WHERE id = $1',
};
const ERASE: Statement = { name: 'erase_user', text: 'SELECT erase_user($1, $2, $3, $4) AS done' };
const COUNTS: Statement = {
  name: 'deletion_counts',
  text: `SELECT messages, archived AS "archivedMessages", generations, conversations, idempotency AS "idempotencyKeys",
    usage_days AS "usageDays", items FROM deletion_counts WHERE deletion = $1`,
};
const FORGET_COUNTS: Statement = { name: 'forget_counts', text: 'DELETE FROM deletion_counts WHERE deletion = $1' };
const END: Statement = { name: 'end_deletion', text: 'SELECT end_deletion($1, $2::jsonb, $3::text[])' };
const RECEIPT_COLUMNS = `d.id, d.user_id AS "userId", d.begun_at AS "begunAt", d.finished_at AS "finishedAt",
  d.removed AS erased, coalesce(d.databases, '{}') AS databases, d.cleared`;
const LAST_RECEIPT: Statement = {
  name: 'last_deletion_receipt',
  text: `SELECT ${RECEIPT_COLUMNS} FROM user_deletions AS d WHERE d.user_id = $1
      OR d.id = (SELECT u.deletion FROM users AS u WHERE u.workspace_id = $2 AND u.external_id = $3)
    ORDER BY d.begun_at DESC LIMIT 1`,
};
const RECEIPT: Statement = {
  name: 'deletion_receipt',
  text: `SELECT ${RECEIPT_COLUMNS} FROM user_deletions AS d WHERE d.id = $1`,
};

const ERASE_BATCH = 2_000;

type BegunRow = UserDeletion & { outcome: 'begun' | 'resumed' | 'unknown' | 'moving' };

export class PostgresUserDeletions implements UserDeletions {
  readonly #shards: Shards;

  constructor(shards: Shards) {
    this.#shards = shards;
  }

  async begin(workspaceId: WorkspaceId, externalId: string): Promise<UserDeletion | null> {
    if (!isUuid(workspaceId)) return null;
    const since = performance.now();
    for (let look = 0; ; look++) {
      const values = [randomUUID(), workspaceId, storable(externalId)];
      const [row] = await this.#shards.directory.query<BegunRow>(BEGIN, values);
      const { outcome, ...deletion } = row!;
      if (outcome === 'unknown') return null;
      if (outcome !== 'moving') return deletion;
      await waitForArrival(look, since);
    }
  }

  async takeOver(forMs: number): Promise<readonly UserDeletion[]> {
    return await this.#shards.directory.query<UserDeletion>(TAKE_OVER, [forMs]);
  }

  async leave({ id }: UserDeletion): Promise<void> {
    await this.#shards.directory.query(LEAVE, [id]);
  }

  async stop(deletion: UserDeletion): Promise<readonly GenerationId[]> {
    const rows = await this.#home(deletion).query<{ id: GenerationId }>(STOP, [deletion.userId, deletion.epoch]);
    return rows.map(({ id }) => id);
  }

  async close({ id, userId, workspaceId, home, epoch }: UserDeletion): Promise<void> {
    await this.#home({ home }).query(CLOSE_HOME, [userId, workspaceId, epoch]);
    await this.#shards.directory.query(CLOSE, [id]);
    this.#shards.noteGone(userId);
  }

  async traces(deletion: UserDeletion): Promise<UserTraces> {
    const db = this.#home(deletion);
    const [conversations, generations] = await Promise.all([
      db.query<{ id: ConversationId }>(CONVERSATIONS, [deletion.userId]),
      db.query<{ id: GenerationId }>(GENERATIONS, [deletion.userId]),
    ]);
    return { conversations: conversations.map(({ id }) => id), generations: generations.map(({ id }) => id) };
  }

  async noteCleared({ id }: UserDeletion, cleared: Cleared): Promise<void> {
    await this.#shards.directory.query(NOTE_CLEARED, [id, toJsonb(cleared)]);
  }

  /** Each by itself: one that is away is asked again by whoever goes on. */
  async erase(deletion: UserDeletion): Promise<readonly string[]> {
    const away: string[] = [];
    await Promise.all(
      this.#shards.all().map(async (shard) => {
        try {
          await this.#eraseOn(shard, deletion);
        } catch (error) {
          if (!isUnavailable(error)) throw error;
          away.push(shard.name);
        }
      }),
    );
    return away;
  }

  async #eraseOn({ db }: Shard, { id, userId, epoch }: UserDeletion): Promise<void> {
    for (let done = false; !done; ) {
      const [row] = await db.query<{ done: boolean }>(ERASE, [userId, id, epoch, ERASE_BATCH]);
      done = row!.done;
      if (!done) await this.#shards.directory.query(TOUCH, [id]);
    }
  }

  async end({ id }: UserDeletion): Promise<void> {
    const shards = this.#shards.all();
    const counts = await Promise.all(shards.map(({ db }) => db.query<Erased>(COUNTS, [id])));
    const values = [id, toJsonb(sum(counts.flat())), shards.map(({ name }) => name)];
    await this.#shards.directory.query(END, values);
    await Promise.allSettled(shards.map(({ db }) => db.query(FORGET_COUNTS, [id])));
  }

  async receipt({ id }: UserDeletion): Promise<DeletionReceipt> {
    return (await this.#shards.directory.query<DeletionReceipt>(RECEIPT, [id]))[0]!;
  }

  async lastReceipt(workspaceId: WorkspaceId, externalId: string): Promise<DeletionReceipt | null> {
    if (!isUuid(workspaceId)) return null;
    const name = storable(externalId);
    const values = [userIdOf(workspaceId, name), workspaceId, name];
    const [row] = await this.#shards.directory.query<DeletionReceipt>(LAST_RECEIPT, values);
    return row ?? null;
  }

  #home({ home }: Pick<UserDeletion, 'home'>): Db {
    const shard = this.#shards.all().find(({ id }) => id === home);
    if (!shard) throw new Error(`shard ${home} is not open here`);
    return shard.db;
  }
}

function sum(counts: readonly Erased[]): Erased {
  const total = {
    messages: 0,
    archivedMessages: 0,
    generations: 0,
    conversations: 0,
    idempotencyKeys: 0,
    usageDays: 0,
    items: 0,
  };
  for (const each of counts) for (const key of Object.keys(total) as (keyof Erased)[]) total[key] += each[key];
  return total;
}
