import type { ConversationId, UserId } from '../../ports/generations.ts';
import type { Db, Statement } from './pool.ts';

type Target = { user_id: UserId; id: ConversationId };

const PAGE_OF_CONVERSATIONS: Statement = {
  name: 'page_of_conversations',
  text: `SELECT user_id, id, deleted_at IS NULL AND updated_at < now() - make_interval(months => $3) AS is_old
    FROM conversations WHERE (user_id, id) > ($1, $2) ORDER BY user_id, id LIMIT $4`,
};
const EXPIRE: Statement = {
  name: 'expire_conversation',
  text: 'SELECT expire_conversation($1, $2, now() - make_interval(months => $3)) AS expired',
};
const DELETED: Statement = {
  name: 'conversations_to_purge',
  text: `SELECT user_id, id FROM conversations
    WHERE deleted_at < now() - $1 * interval '1 ms' AND purged_at IS NULL AND (user_id, id) > ($2, $3)
    ORDER BY user_id, id LIMIT $4`,
};
const PURGE: Statement = { name: 'purge_conversation', text: 'SELECT purge_conversation($1, $2, $3) AS outcome' };
/** In a state that ends it: deleted, or old enough. What is still being answered waits. */
const DUE_TEMPORARY: Statement = {
  name: 'due_temporary',
  text: `SELECT c.user_id, c.id FROM conversations AS c
    JOIN user_home AS home ON home.user_id = c.user_id AND home.state = 'active'
    WHERE c.temporary AND c.purged_at IS NULL AND (c.deleted_at IS NOT NULL OR c.updated_at <= now_ms() - $1 * interval '1 ms')
      AND NOT EXISTS (SELECT FROM generations AS g WHERE g.conversation_id = c.id AND g.state IN ('queued', 'running'))
    ORDER BY c.updated_at LIMIT $2`,
};
const END_TEMPORARY: Statement = {
  name: 'end_temporary',
  text: "SELECT end_temporary($1, $2, $3 * interval '1 ms') AS ended",
};
const PURGE_KEYS: Statement = {
  name: 'purge_idempotency',
  text: `WITH old AS MATERIALIZED (
      SELECT user_id, key FROM idempotency WHERE created_at < now() - $1 * interval '1 ms'
      ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (DELETE FROM idempotency AS i USING old WHERE i.user_id = old.user_id AND i.key = old.key RETURNING 1)
    SELECT count(*) AS count FROM gone`,
};

const FIRST_ID = '00000000-0000-0000-0000-000000000000';
const PAGE = 1_000;
/** Rows of one statement. */
const BATCH = 2_000;

/** Deletes every conversation in which nothing was said for so many months; returns how many. */
export async function expireConversations(db: Db, months: number, signal: AbortSignal): Promise<number> {
  let expired = 0;
  const page = (user: UserId, id: ConversationId) =>
    db.query<Target & { is_old: boolean }>(PAGE_OF_CONVERSATIONS, [user, id, months, PAGE]);
  for await (const { user_id, id, is_old } of keyset(page, signal)) {
    if (!is_old) continue;
    const [row] = await db.query<{ expired: boolean }>(EXPIRE, [user_id, id, months]);
    if (row!.expired) expired++;
  }
  return expired;
}

/** Removes what was said in conversations that were deleted so long ago; returns how many it emptied. */
export async function purgeConversations(db: Db, deletedForMs: number, signal: AbortSignal): Promise<number> {
  let purged = 0;
  const page = (user: UserId, id: ConversationId) => db.query<Target>(DELETED, [deletedForMs, user, id, PAGE]);
  for await (const { user_id, id } of keyset(page, signal)) {
    if (await purge(db, { user_id, id }, signal)) purged++;
  }
  return purged;
}

/** Deletes temporary conversations for good, at most `limit`: those that were deleted, and those that are so old. */
export async function endTemporary(db: Db, afterMs: number, limit: number): Promise<{ id: ConversationId }[]> {
  const ended: { id: ConversationId }[] = [];
  for (const target of await db.query<Target>(DUE_TEMPORARY, [afterMs, limit])) {
    const [row] = await db.query<{ ended: boolean }>(END_TEMPORARY, [target.user_id, target.id, afterMs]);
    if (row!.ended && (await purge(db, target))) ended.push({ id: target.id });
  }
  return ended;
}

async function purge(db: Db, { user_id, id }: Target, signal?: AbortSignal): Promise<boolean> {
  for (let outcome = 'more'; !signal?.aborted; ) {
    outcome = (await db.query<{ outcome: string }>(PURGE, [user_id, id, BATCH]))[0]!.outcome;
    if (outcome !== 'more') return outcome === 'purged';
  }
  return false;
}

/** A key that was first used so long ago is forgotten: the same request would be a new one. Returns how many. */
export async function purgeIdempotencyKeys(db: Db, ttlMs: number, signal: AbortSignal): Promise<number> {
  let purged = 0;
  for (let last = BATCH; last === BATCH && !signal.aborted; purged += last) {
    last = (await db.query<{ count: number }>(PURGE_KEYS, [ttlMs, BATCH]))[0]!.count;
  }
  return purged;
}

async function* keyset<Row extends Target>(
  page: (user: UserId, id: ConversationId) => Promise<Row[]>,
  signal: AbortSignal,
): AsyncGenerator<Row> {
  for (let [user, id] = [FIRST_ID, FIRST_ID]; !signal.aborted; ) {
    const rows = await page(user, id);
    for (const row of rows) {
      if (signal.aborted) return;
      yield row;
    }
    const last = rows.at(-1);
    if (!last) return;
    [user, id] = [last.user_id, last.id];
  }
}
