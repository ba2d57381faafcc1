import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { PostgresConversations } from '../../src/adapters/postgres/conversations.ts';
import { PostgresDeadLetters } from '../../src/adapters/postgres/dead-letters.ts';
import { PostgresDirectory } from '../../src/adapters/postgres/directory.ts';
import { PostgresGenerations } from '../../src/adapters/postgres/generations.ts';
import { type Binaries, findBinaries } from '../../src/adapters/postgres/local-binaries.ts';
import { type LocalPostgres, startLocalPostgres } from '../../src/adapters/postgres/local-server.ts';
import { migrate } from '../../src/adapters/postgres/migrate.ts';
import { type OutboxOptions, PostgresOutbox } from '../../src/adapters/postgres/outbox.ts';
import { ensurePartitions } from '../../src/adapters/postgres/partitions.ts';
import { PostgresPool } from '../../src/adapters/postgres/pool.ts';
import { singleShard } from '../../src/adapters/postgres/shards.ts';
import { PostgresUsageReports } from '../../src/adapters/postgres/usage-reports.ts';
import { PostgresUserDeletions } from '../../src/adapters/postgres/user-deletions.ts';
import { PostgresUserItems } from '../../src/adapters/postgres/user-items.ts';
import { PostgresWebhooks } from '../../src/adapters/postgres/webhooks.ts';
import { PostgresWorkspaces } from '../../src/adapters/postgres/workspaces.ts';

/** A real PostgreSQL of its own, in a temporary folder that goes with it. */
export interface TestPostgres extends AsyncDisposable {
  readonly server: LocalPostgres;
  readonly dataDir: string;
  /** Runs one statement on a connection of its own, as an operator would. */
  run<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>;
  /** Kills it outright; it is back, with every lock gone, when this resolves. */
  restart(): Promise<void>;
}

export async function startTestPostgres(binaries?: Binaries): Promise<TestPostgres> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'cb-pg-'));
  // As root, a folder that others cannot enter would send the data elsewhere.
  await chmod(dataDir, 0o755);
  const server = await startLocalPostgres({ dataDir, ...(binaries && { binaries }) });
  const run = async <Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> => {
    const client = new pg.Client({ ...server.connectionOptions });
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query<Row>(text, values)).rows;
    } finally {
      await client.end();
    }
  };
  return {
    server,
    dataDir,
    run,
    restart: () => restart(server, run),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export async function postmasterPid(server: LocalPostgres): Promise<number> {
  const file = await readFile(path.join(server.location, 'data', 'postmaster.pid'), 'utf8');
  return Number(file.split('\n', 1)[0]);
}

async function restart(server: LocalPostgres, run: TestPostgres['run']): Promise<void> {
  const before = await postmasterPid(server);
  process.kill(before, 'SIGQUIT');
  for (;;) {
    const now = await postmasterPid(server).catch(() => before);
    const isUp =
      now !== before &&
      (await run('SELECT 1').then(
        () => true,
        () => false,
      ));
    if (isUp) return;
    await sleep(20);
  }
}

/** The store over it as a role composes one: migrated, and with its partitions. Closed before the server. */
export async function openTestStore(
  postgres: TestPostgres,
  options: OutboxOptions & { newId: () => string; maxConnections?: number },
) {
  const connection = postgres.server.connectionOptions;
  await migrate(connection);
  await using opened = new AsyncDisposableStack();
  const pool = opened.use(
    new PostgresPool({
      connection,
      maxConnections: options.maxConnections ?? 10,
      statementTimeoutMs: 20_000,
      connectTimeoutMs: 10_000,
    }),
  );
  await ensurePartitions(pool);
  const shards = singleShard(pool);
  const held = opened.move();
  return {
    db: pool,
    generations: new PostgresGenerations(shards, options),
    outbox: new PostgresOutbox(shards, options),
    deadLetters: new PostgresDeadLetters(shards),
    conversations: new PostgresConversations(shards),
    webhooks: new PostgresWebhooks(shards),
    workspaces: new PostgresWorkspaces(shards, options.newId),
    directory: new PostgresDirectory(shards),
    deletions: new PostgresUserDeletions(shards),
    usage: new PostgresUsageReports(shards),
    items: new PostgresUserItems(shards),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** Null where this machine has no PostgreSQL of that version outside the npm package. */
export async function systemBinaries(major: number): Promise<Binaries | null> {
  const found = await findBinaries(major).catch(() => null);
  return found?.root === null ? found : null;
}

/** Moves every time that the pipeline compares back, as if `ms` had passed. */
export async function age(postgres: TestPostgres, ms: number): Promise<void> {
  const generations = [
    'lease_until',
    'due_at',
    'dispatched_at',
    'published_at',
    'sweep_due_at',
    'created_at',
    'claimed_at',
    'finished_at',
    'webhook_due_at',
  ];
  const back = (column: string) => `${column} = ${column} - $1 * interval '1 ms'`;
  await postgres.run(`UPDATE generations SET ${generations.map(back).join(', ')}`, [ms]);
  await postgres.run(`UPDATE conversations SET ${['created_at', 'updated_at'].map(back).join(', ')}`, [ms]);
  await postgres.run(`UPDATE messages SET ${back('created_at')}`, [ms]);
}
