import { keepMoves } from '../adapters/postgres/keep-moves.ts';
import { partitionMonthsAhead } from '../adapters/postgres/partitions.ts';
import type { PoolUsage, Statement } from '../adapters/postgres/pool.ts';
import { nameShards } from '../adapters/postgres/shard-config.ts';
import { ShardSet } from '../adapters/postgres/shard-set.ts';
import type { Shards } from '../adapters/postgres/shards.ts';
import type { CommonConfig } from '../config/config.ts';
import { ExitError } from '../config/exit-codes.ts';
import type { Machines } from '../config/machines.ts';
import type { Dependency } from '../http/http.ts';
import type { Clock } from '../ports/clock.ts';
import type { Routes } from '../ports/routes.ts';
import { ChatError } from '../protocol/errors.ts';
import type { Lane } from '../protocol/generation.ts';
import { portFailed } from '../telemetry/events.ts';
import { checkDependency, pingDatabase, rounded } from './health.ts';
import { type StorePorts, storePorts, TRUST_LOCKS_AFTER_MS } from './open-store.ts';
import { waitFor } from './wait-for.ts';

export type ShardedStore = { shards: Shards; databases: Databases; ports: StorePorts };

/** What a role asks of its databases beside the ports. */
export type Databases = {
  /** Each shard, each replica, and a directory of its own. */
  dependencies(): Promise<readonly Dependency[]>;
  /** Something can be accepted for somebody. */
  readonly isReachable: boolean;
  /** Seconds that the oldest queued generation of each lane has waited. */
  oldestJobs(): Promise<Partial<Record<Lane, number>>>;
  shards(): readonly { name: string; isUp: boolean; pool: PoolUsage }[];
  replicaLags(): readonly { replica: string; lagMs: number | null }[];
  /** Whole months for which each shard has partitions. */
  partitionMonths(): Promise<readonly { name: string; months: number }[]>;
  /** Moves of users whose mover died are finished, for as long as this process runs. */
  keepMoves(): AsyncDisposable;
};

export function shardSetOptions(config: CommonConfig & { machines: Machines }) {
  const { shards, directory } = config.machines;
  return {
    directory: directory === null ? null : { connectionString: directory },
    shards: nameShards(shards),
    maxConnections: config.database.poolSize,
    statementTimeoutMs: config.database.statementTimeoutMs,
    connectTimeoutMs: config.database.connectTimeoutMs,
    maxReplicaLagMs: config.database.maxReplicaLagMs,
  };
}

/** Waits until the directory, or a shard that has a copy of its list, can say which shards there are. */
export async function openShardedStore(
  config: CommonConfig & { machines: Machines },
  { clock, routes }: { clock: Clock; routes?: Routes },
  stack: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<ShardedStore> {
  const isFinal = (error: unknown) => !(error instanceof ChatError && error.code === 'database_unavailable');
  const set = await waitFor(
    clock,
    'the databases',
    () => ShardSet.open(shardSetOptions(config)),
    signal,
    isFinal,
  ).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new ExitError('database', `The databases cannot be used: ${(error as Error).message}`, { cause: error });
  });
  stack.use(set);
  return {
    shards: set,
    databases: databasesOf(set),
    ports: storePorts(set, config, clock, TRUST_LOCKS_AFTER_MS, routes),
  };
}

const OLDEST: Statement = {
  name: 'oldest_jobs',
  text: `SELECT lane, extract(epoch FROM now() - min(created_at))::float8 AS seconds
    FROM generations WHERE state = 'queued' GROUP BY lane`,
};

function databasesOf(set: ShardSet): Databases {
  return {
    async dependencies() {
      const isSeparate = !set.all().some(({ db }) => db === set.directory);
      const shards = set.all().map(({ name, db }) => checkDependency(name, 'database', () => pingDatabase(db)));
      const directory = isSeparate ? [checkDependency('directory', 'database', () => pingDatabase(set.directory))] : [];
      return [...(await Promise.all([...directory, ...shards])), ...set.status().flatMap(replicasOf)];
    },
    get isReachable() {
      return set.status().some(({ state }) => state === 'up');
    },
    async oldestJobs() {
      const asked = await Promise.allSettled(set.all().map(({ db }) => db.query<OldestRow>(OLDEST, [])));
      const rows = asked.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
      const oldest: Partial<Record<Lane, number>> = {};
      for (const { lane, seconds } of rows) oldest[lane] = Math.max(oldest[lane] ?? 0, seconds);
      return oldest;
    },
    shards: () => set.status().map(({ name, state, pool }) => ({ name, isUp: state === 'up', pool })),
    replicaLags: () =>
      set
        .status()
        .flatMap(({ name, replicas }) =>
          replicas.map(({ lagMs }, index) => ({ replica: nameOfReplica(name, index), lagMs })),
        ),
    keepMoves: () => keepMoves(set, (error) => portFailed({ port: 'database', operation: 'resume moves', error })),
    async partitionMonths() {
      const asked = await Promise.allSettled(
        set.all().map(async ({ name, db }) => ({ name, months: await partitionMonthsAhead(db) })),
      );
      return asked.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    },
  };
}

type OldestRow = { lane: Lane; seconds: number };
type Status = ReturnType<ShardSet['status']>[number];

/** One that is away or far behind makes nobody wait: the primary serves. It is told, and degrades nothing else. */
function replicasOf({ name, replicas }: Status): Dependency[] {
  return replicas.map(({ lagMs, latencyMs }, index) => ({
    name: nameOfReplica(name, index),
    component: 'database',
    status: lagMs === null ? 'down' : 'up',
    latencyMs: latencyMs === null ? null : rounded(latencyMs),
    detail: lagMs === null ? 'does not answer, or is further behind than can be told' : `${lagMs} ms behind`,
  }));
}

function nameOfReplica(shard: string, index: number): string {
  return `${shard}-replica-${index + 1}`;
}
