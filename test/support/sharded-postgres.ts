import { PostgresConversations } from '../../src/adapters/postgres/conversations.ts';
import { PostgresDeadLetters } from '../../src/adapters/postgres/dead-letters.ts';
import { PostgresDirectory } from '../../src/adapters/postgres/directory.ts';
import { PostgresGenerations } from '../../src/adapters/postgres/generations.ts';
import { type OutboxOptions, PostgresOutbox } from '../../src/adapters/postgres/outbox.ts';
import type { ConnectionOptions } from '../../src/adapters/postgres/pool.ts';
import type { ShardConfig } from '../../src/adapters/postgres/shard-config.ts';
import { ShardSet, type ShardSetOptions } from '../../src/adapters/postgres/shard-set.ts';
import { PostgresUsageReports } from '../../src/adapters/postgres/usage-reports.ts';
import { PostgresUserDeletions } from '../../src/adapters/postgres/user-deletions.ts';
import { PostgresUserItems } from '../../src/adapters/postgres/user-items.ts';
import { PostgresWebhooks } from '../../src/adapters/postgres/webhooks.ts';
import { PostgresWorkspaces } from '../../src/adapters/postgres/workspaces.ts';

export type ShardedOptions = OutboxOptions & { newId: () => string } & Partial<ShardSetOptions>;

/** The store over many shards, as a role composes it. */
export async function openShardedTestStore(shards: readonly ShardConfig[], options: ShardedOptions) {
  const set = await ShardSet.open({
    directory: null,
    maxConnections: 10,
    statementTimeoutMs: 20_000,
    connectTimeoutMs: 5_000,
    maxReplicaLagMs: 5_000,
    ...options,
    shards,
  });
  return {
    shards: set,
    generations: new PostgresGenerations(set, options),
    outbox: new PostgresOutbox(set, options),
    deadLetters: new PostgresDeadLetters(set),
    conversations: new PostgresConversations(set),
    webhooks: new PostgresWebhooks(set),
    workspaces: new PostgresWorkspaces(set, options.newId),
    directory: new PostgresDirectory(set),
    deletions: new PostgresUserDeletions(set),
    usage: new PostgresUsageReports(set),
    items: new PostgresUserItems(set),
    [Symbol.asyncDispose]: () => set[Symbol.asyncDispose](),
  };
}

export type ShardedTestStore = Awaited<ReturnType<typeof openShardedTestStore>>;

export function shardConfig(name: string, primary: ConnectionOptions, rest: Partial<ShardConfig> = {}): ShardConfig {
  return { name, primary, replicas: [], weight: 1, ...rest };
}
