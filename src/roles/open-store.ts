import { PostgresConversations } from '../adapters/postgres/conversations.ts';
import { PostgresDeadLetters } from '../adapters/postgres/dead-letters.ts';
import { PostgresDirectory } from '../adapters/postgres/directory.ts';
import { PostgresGenerations } from '../adapters/postgres/generations.ts';
import { migrate } from '../adapters/postgres/migrate.ts';
import { PostgresOutbox } from '../adapters/postgres/outbox.ts';
import { ensurePartitions } from '../adapters/postgres/partitions.ts';
import { type ConnectionOptions, type Db, PostgresPool } from '../adapters/postgres/pool.ts';
import { type Shards, singleShard } from '../adapters/postgres/shards.ts';
import { PostgresUsageReports } from '../adapters/postgres/usage-reports.ts';
import { PostgresUserDeletions } from '../adapters/postgres/user-deletions.ts';
import { PostgresUserItems } from '../adapters/postgres/user-items.ts';
import { PostgresWebhooks } from '../adapters/postgres/webhooks.ts';
import { PostgresWorkspaces } from '../adapters/postgres/workspaces.ts';
import type { CommonConfig } from '../config/config.ts';
import { ExitError } from '../config/exit-codes.ts';
import type { Clock } from '../ports/clock.ts';
import type { Routes } from '../ports/routes.ts';

const SWEEP_BACKOFF_MS = 2_000;

export type StorePorts = {
  workspaces: PostgresWorkspaces;
  directory: PostgresDirectory;
  generations: PostgresGenerations;
  outbox: PostgresOutbox;
  deadLetters: PostgresDeadLetters;
  conversations: PostgresConversations;
  deletions: PostgresUserDeletions;
  usage: PostgresUsageReports;
  webhooks: PostgresWebhooks;
  items: PostgresUserItems;
};

export type Store = { db: Db; shards: Shards; ports: StorePorts };

/**
 * The database of one shard, migrated, behind the store's ports; `stack` closes it.
 * `onlyOwner`: no other process runs generations on it, so that a free lock is a death at once.
 */
export async function openStore(
  connection: ConnectionOptions,
  config: CommonConfig,
  options: { clock: Clock; onlyOwner: boolean },
  stack: AsyncDisposableStack,
): Promise<Store> {
  try {
    await migrate(connection);
  } catch (error) {
    throw new ExitError('database', `The database cannot be brought up to date: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const db = stack.use(
    new PostgresPool({
      connection,
      maxConnections: config.database.poolSize,
      statementTimeoutMs: config.database.statementTimeoutMs,
      connectTimeoutMs: config.database.connectTimeoutMs,
    }),
  );
  await ensurePartitions(db);
  const trustAfterMs = options.onlyOwner ? 0 : TRUST_LOCKS_AFTER_MS;
  const shards = singleShard(db);
  return { db, shards, ports: storePorts(shards, config, options.clock, trustAfterMs) };
}

/** Living owners take their locks again sooner than this after a restart of the database. */
export const TRUST_LOCKS_AFTER_MS = 3_000;

/** `routes`: where the users of generations are remembered; absent: every shard is asked. */
export function storePorts(
  shards: Shards,
  config: CommonConfig,
  clock: Clock,
  trustAfterMs: number,
  routes?: Routes,
): StorePorts {
  const trust = { leaseMs: config.leaseMs, trustAfterMs, ...(routes && { routes }) };
  const newId = () => clock.newId();
  return {
    workspaces: new PostgresWorkspaces(shards, newId),
    directory: new PostgresDirectory(shards),
    generations: new PostgresGenerations(shards, trust),
    outbox: new PostgresOutbox(shards, { ...trust, sweepBackoffMs: SWEEP_BACKOFF_MS }),
    deadLetters: new PostgresDeadLetters(shards),
    conversations: new PostgresConversations(shards),
    deletions: new PostgresUserDeletions(shards),
    usage: new PostgresUsageReports(shards),
    webhooks: new PostgresWebhooks(shards),
    items: new PostgresUserItems(shards),
  };
}
