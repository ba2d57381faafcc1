import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { freePorts } from '../../../src/roles/cluster/free-ports.ts';
import { Part, type PartKind } from '../../../src/roles/cluster/part.ts';
import { type Cluster, startCluster } from '../../../src/roles/cluster/start-cluster.ts';
import { eventually } from '../../support/cluster.ts';
import { ownerName } from '../../support/cluster-client.ts';
import { call } from '../../support/http-client.ts';
import type { Doors } from './caller.ts';

const UPSTREAM = fileURLToPath(new URL('../../support/fake-upstream.ts', import.meta.url));
const PACE_MS = 15;
export const SHARDS = ['shard-1', 'shard-2'] as const;

/** The cluster with its model server, and what an operator may do to it and ask of it. */
export class World implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly upstream: Part;
  readonly leaseMs: number;
  readonly #stack: AsyncDisposableStack;

  private constructor(cluster: Cluster, upstream: Part, leaseMs: number, stack: AsyncDisposableStack) {
    this.cluster = cluster;
    this.upstream = upstream;
    this.leaseMs = leaseMs;
    this.#stack = stack;
  }

  static async start(leaseMs: number, signal: AbortSignal): Promise<World> {
    await using stack = new AsyncDisposableStack();
    const options = {
      apis: 2,
      workers: 2,
      port: 0,
      nginx: true,
      folder: null,
      keep: false,
      restart: false,
      json: true,
    };
    const [port] = await freePorts(1);
    const settings = {
      LOG_LEVEL: 'info',
      SHUTDOWN_DEADLINE: '8',
      LEASE_MS: `${leaseMs}`,
      RATE_LIMIT_CHAT_PER_MINUTE: '1000000',
      RATE_LIMIT_REQUESTS_PER_MINUTE: '1000000',
    };
    const inferenceUrl = `http://127.0.0.1:${port}`;
    const cluster = stack.use(await startCluster({ ...options, inferenceUrl }, settings, signal));
    const upstream = stack.use(upstreamAt(inferenceUrl, cluster.folder));
    await upstream.start(signal);
    return new World(cluster, upstream, leaseMs, stack.move());
  }

  get doors(): Doors {
    const apis = this.partsOf('api').map(({ spec }) => spec.address!);
    return { proxy: this.cluster.address, apis, key: this.cluster.key };
  }

  part = (name: string): Part => this.cluster.part(name);

  partsOf(...kinds: PartKind[]): Part[] {
    return this.cluster.parts.filter(({ spec }) => kinds.includes(spec.kind));
  }

  async on<Row extends object>(shard: string, text: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.part(shard).spec.address! });
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query<Row>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  /** On every shard, one after the other. */
  async sql<Row extends object>(text: string, values: unknown[] = []): Promise<(Row & { on: string })[]> {
    const rows: (Row & { on: string })[] = [];
    for (const shard of SHARDS)
      rows.push(...(await this.on<Row>(shard, text, values)).map((row) => ({ ...row, on: shard })));
    return rows;
  }

  /** What these workers are running, with the epochs at which they do. */
  async runningAt(workers: readonly Part[]): Promise<{ id: string; epoch: number }[]> {
    const owners = await Promise.all(workers.map(ownerName));
    const text = "SELECT id, epoch FROM generations WHERE state = 'running' AND owner = ANY ($1)";
    return await this.sql<{ id: string; epoch: number }>(text, [owners]);
  }

  isHealthy(): Promise<true> {
    const { apis, key } = this.doors;
    return eventually('all is up', async () => {
      const replies = await Promise.all(apis.map((api) => call(api, 'GET', '/health', { key })));
      return replies.every(({ json }) => json?.status === 'healthy');
    });
  }

  [Symbol.asyncDispose] = () => this.#stack.disposeAsync();
}

/** The fake model server in a process of its own, which can be killed and comes back at the same address. */
function upstreamAt(address: string, folder: string): Part {
  const { port } = new URL(address);
  return new Part({
    name: 'model',
    kind: 'model',
    address,
    command: [process.execPath, UPSTREAM, '--port', port, '--pace-ms', `${PACE_MS}`],
    log: `${folder}/model/log`,
    pidFile: `${folder}/model/pid`,
    stopSignal: 'SIGKILL',
    stopWithinMs: 2_000,
    isReady: async () => (await fetch(`${address}/health`)).ok,
  });
}
