import { setTimeout as sleep } from 'node:timers/promises';
import { dataKept, portFailed } from '../../telemetry/events.ts';
import { type Archived, archiveMonths, archiveTotals } from './archive.ts';
import { ensurePartitions } from './partitions.ts';
import type { Db } from './pool.ts';
import { expireConversations, purgeConversations, purgeIdempotencyKeys } from './purge.ts';
import type { Shard, Shards } from './shards.ts';

/** Months of 0: never. */
export type DataRules = { archiveAfterMonths: number; retentionMonths: number; idempotencyTtlMs: number };

const DAY_MS = 24 * 60 * 60 * 1000;
const AGAIN_AFTER_FAILURE_MS = 10 * 60 * 1000;
/** Whoever answers, or reads an answer, in a conversation that is being deleted has long heard of it by then. */
const PURGE_AFTER_MS = 60 * 60 * 1000;
const LOCK_TIMEOUT_MS = 5_000;

/**
 * Once now and then daily, until disposed of: on every shard partitions are made ahead, and by one process at a
 * time what is too old, or was deleted, is removed, and what is old is archived.
 */
export function keepData(shards: Shards, rules: DataRules): AsyncDisposable {
  const closing = new AbortController();
  const { signal } = closing;
  const kept = (async () => {
    while (!signal.aborted) {
      const done = await Promise.all(shards.all().map((shard) => keepShard(shard, rules, signal)));
      const pause = done.includes(false) ? AGAIN_AFTER_FAILURE_MS : DAY_MS;
      await sleep(pause, null, { signal, ref: false }).catch(() => {});
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      closing.abort();
      await kept;
    },
  };
}

/** False: it is to be tried again soon. */
async function keepShard({ name, db }: Shard, rules: DataRules, signal: AbortSignal): Promise<boolean> {
  try {
    await ensurePartitions(db);
    const work = await asOnlyKeeper(db, () => applyRules(db, rules, signal));
    const totals = await archiveTotals(db);
    dataKept({ shard: name, ...(work ?? {}), totals });
    return true;
  } catch (error) {
    if (!signal.aborted) portFailed({ port: 'database', operation: 'keep data', reason: name, error });
    return false;
  }
}

export type DataKept = { expired: number; purged: number; keys: number; archived: Archived };

export async function applyRules(db: Db, rules: DataRules, signal: AbortSignal): Promise<DataKept> {
  const { archiveAfterMonths, retentionMonths, idempotencyTtlMs } = rules;
  const expired = retentionMonths > 0 ? await expireConversations(db, retentionMonths, signal) : 0;
  const purged = await purgeConversations(db, PURGE_AFTER_MS, signal);
  const keys = await purgeIdempotencyKeys(db, idempotencyTtlMs, signal);
  const none = { messages: 0, rawBytes: 0, packedBytes: 0 };
  const archived = archiveAfterMonths > 0 ? await archiveMonths(db, archiveAfterMonths, signal) : none;
  return { expired, purged, keys, archived };
}

/**
 * Null: another process is at it. The lock only spares work twice over: each step is safe beside itself, also
 * behind a pooler that lends the connection to somebody else.
 */
export async function asOnlyKeeper<T>(db: Db, work: () => Promise<T>): Promise<T | null> {
  const client = await db.connect('chatterbot keeper');
  try {
    await client.query(`SET idle_session_timeout = 0; SET statement_timeout = ${LOCK_TIMEOUT_MS}`);
    const { rows } = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock(1128415494, 0) AS taken');
    return rows[0]!.taken ? await work() : null;
  } finally {
    await client.end().catch(() => {});
  }
}
