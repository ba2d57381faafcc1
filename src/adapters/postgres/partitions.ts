import type { Db, Statement } from './pool.ts';

const ENSURE_ALL: Statement = { name: 'ensure_partitions', text: 'SELECT ensure_message_partitions() AS made' };
const ENSURE_FOR: Statement = {
  name: 'ensure_partitions_for',
  text: 'SELECT count(ensure_message_partition(uuid_time(id))) AS made FROM unnest($1::uuid[]) AS id',
};
/** Up to the first month that has none. -1: this one has none. */
const AHEAD: Statement = {
  name: 'partition_months_ahead',
  text: `WITH made AS MATERIALIZED (SELECT month FROM message_partitions())
    SELECT min(ahead)::integer - 1 AS months FROM generate_series(0, 1200) AS ahead
    WHERE (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead))::date NOT IN (SELECT month FROM made)`,
};

/** Partitions of the months around now; returns how many were missing. */
export async function ensurePartitions(db: Db): Promise<number> {
  const [row] = await db.query<{ made: number }>(ENSURE_ALL, []);
  return row?.made ?? 0;
}

/** Whole months after this one that have a partition. */
export async function partitionMonthsAhead(db: Db): Promise<number> {
  return (await db.query<{ months: number }>(AHEAD, []))[0]!.months;
}

/**
 * Runs a write of messages with these ids; where one's month has no partition (the clock that made it
 * is far off) makes it, and runs it again. Nothing was written the first time.
 */
export async function withPartitions<T>(db: Db, ids: readonly string[], write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    if (code !== '23514' || !message?.startsWith('no partition of relation')) throw error;
    await db.query(ENSURE_FOR, [ids]);
    return await write();
  }
}
