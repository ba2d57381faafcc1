import type { ClusterOptions } from '../../src/roles/cluster/options.ts';
import { type Cluster, startCluster } from '../../src/roles/cluster/start-cluster.ts';
import type { Processes } from './cpu-window.ts';
import { Readers } from './generators.ts';

/** What a load test may not run into; everything else is as it is delivered, durability included. */
const LIMITS = {
  RATE_LIMIT_REQUESTS_PER_MINUTE: '100000000',
  RATE_LIMIT_CHAT_PER_MINUTE: '100000000',
  MAX_STREAMS_PER_USER: '10000',
  MAX_WAITING_PER_USER: '10000',
  MAX_WAITING: '100000',
  MAX_CONCURRENT: '6000',
  LOG_LEVEL: 'warn',
};

export type System = AsyncDisposable & {
  cluster: Cluster;
  key: string;
  /** NGINX. */
  address: string;
  apis: readonly string[];
  /** All that is ours: the program's own processes and the servers that it stands on. */
  processes(): Processes;
  pidsOf(kind: 'api' | 'worker'): number[];
};

export type SystemOptions = Partial<ClusterOptions> & { settings?: Record<string, string> };

/** The whole of it on this machine, the model being the load test's. */
export async function startSystem(upstreamUrl: string, options: SystemOptions, signal: AbortSignal): Promise<System> {
  const { settings, ...rest } = options;
  const cluster = await startCluster(
    {
      apis: 2,
      workers: 2,
      port: 0,
      nginx: true,
      folder: null,
      keep: false,
      restart: false,
      json: true,
      ...rest,
      inferenceUrl: upstreamUrl,
    },
    { ...LIMITS, ...settings },
    signal,
  );
  const running = () => cluster.parts.filter(({ pid }) => pid !== null);
  return {
    cluster,
    key: cluster.key,
    address: cluster.address,
    apis: cluster.parts.filter(({ spec }) => spec.kind === 'api').map(({ spec }) => spec.address!),
    processes: () => running().map(({ spec, pid }) => ({ group: groupOf(spec.kind, spec.name), pid: pid! })),
    pidsOf: (kind) =>
      running()
        .filter(({ spec }) => spec.kind === kind)
        .map(({ pid }) => pid!),
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  };
}

/** People who ask and read for some seconds, so that what is measured then is not compiling. */
export async function warm({ apis, key }: System): Promise<void> {
  await using readers = new Readers({
    mode: 'stream',
    hosts: apis,
    key,
    sessions: 1_000,
    rate: 70,
    tokens: 60,
    pace: 20,
    users: 200,
    sources: 8,
  });
  await readers.ended();
}

function groupOf(kind: string, name: string): string {
  if (kind === 'postgres' || kind === 'postgres-replica') return 'PostgreSQL';
  if (kind === 'rabbitmq' || kind === 'epmd') return 'RabbitMQ';
  if (kind === 'nginx') return 'NGINX';
  return kind === 'redis' ? (name === 'redis-state' ? 'Redis state' : 'Redis cache') : kind;
}
