import { migrate } from '../adapters/postgres/migrate.ts';
import { type ConnectionOptions, PostgresPool } from '../adapters/postgres/pool.ts';
import { describeConnection } from '../adapters/postgres/shard-config.ts';
import { listShards } from '../adapters/postgres/shard-list.ts';
import type { StoreConfig } from '../config/config.ts';
import { ExitError } from '../config/exit-codes.ts';
import { shardSetOptions } from './open-sharded-store.ts';

type Database = { name: string; hosts: readonly ConnectionOptions[] };

export async function runMigrate(config: StoreConfig, args: readonly string[]): Promise<void> {
  if (args.length > 0) throw new ExitError('usage', 'usage: migrate');
  await migrateAll(config, (line) => process.stdout.write(`${line}\n`));
}

/**
 * Every database there is: the directory, what DATABASE_URLS names, and what the directory lists beside. `tell`: a
 * line for each. Throws ExitError where one could not be asked; the others are done.
 */
export async function migrateAll(config: StoreConfig, tell: (line: string) => void): Promise<void> {
  const { directory, shards } = shardSetOptions(config);
  const first = shards[0]!;
  const failed: string[] = [];
  const seen = new Set<string>();
  const migrateOnce = async (database: Database): Promise<ConnectionOptions | null> => {
    const address = describeConnection(database.hosts[0]!);
    if (seen.has(address)) return null;
    seen.add(address);
    try {
      const { applied, host } = await migrateWritable(database.hosts);
      tell(
        `${database.name}  ${describeConnection(host)}  ${applied.length === 0 ? 'up to date' : applied.join(', ')}`,
      );
      return host;
    } catch (error) {
      failed.push(database.name);
      process.stderr.write(`${database.name}  ${address}  ${reasonOf(error)}\n`);
      return null;
    }
  };
  const home = await migrateOnce({
    name: directory ? 'directory' : first.name,
    hosts: directory ? [directory] : hostsOf(first),
  });
  for (const shard of shards) await migrateOnce({ name: shard.name, hosts: hostsOf(shard) });
  for (const listed of home ? await listedAt(home, config) : []) {
    await migrateOnce({ name: listed.name, hosts: [listed.hosts.primary, ...listed.hosts.replicas] });
  }
  if (failed.length > 0) {
    throw new ExitError(
      'database',
      `${failed.join(', ')}: not migrated; the others are. Run it again when it is there`,
    );
  }
}

const hostsOf = ({ primary, replicas }: { primary: ConnectionOptions; replicas: readonly ConnectionOptions[] }) => [
  primary,
  ...replicas,
];

/** The first that takes writes: after a failover that is another than the one configured as the primary. */
async function migrateWritable(
  hosts: readonly ConnectionOptions[],
): Promise<{ applied: string[]; host: ConnectionOptions }> {
  let first: unknown = null;
  for (const host of hosts) {
    try {
      return { applied: await migrate(host), host };
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}

async function listedAt(home: ConnectionOptions, config: StoreConfig) {
  const { statementTimeoutMs, connectTimeoutMs } = config.database;
  await using db = new PostgresPool({ connection: home, maxConnections: 1, statementTimeoutMs, connectTimeoutMs });
  const listed = await listShards(db);
  return listed.filter(({ state }) => state !== 'drained');
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message || String(error) : String(error);
}
