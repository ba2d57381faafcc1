import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@redis/client';
import { freePorts, isFree } from '../../src/roles/cluster/free-ports.ts';
import { pause } from '../contracts/until.ts';

/** Real servers of its own, in a temporary folder that goes with them. */
export interface TestRedis extends AsyncDisposable {
  readonly url: string;
  readonly servers: readonly RedisServer[];
}

export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  /** Of the process that runs now. */
  readonly pid: number;
  /** On a connection of its own, as an operator would. */
  run(...command: string[]): Promise<unknown>;
  signal(name: NodeJS.Signals): void;
  /** Kills it outright. */
  kill(): Promise<void>;
  /** With what it had kept, without the last of it, or with nothing; resolves when it answers. */
  start(data?: RestartData): Promise<void>;
}

/** `torn`: the end of the append-only file never reached the disk, as after a power failure. */
export type RestartData = 'kept' | 'torn' | 'deleted';

const TORN_BYTES = 3_000;
const BASE = [
  '--bind',
  '127.0.0.1',
  '--save',
  '',
  '--io-threads',
  '1',
  '--logfile',
  'redis.log',
  '--appenddirname',
  'aof',
];
/** Bus ports of a cluster are these above the port. */
const BUS_OFFSET = 10_000;
const SENTINELS = 3;
const MASTER = 'state';

/** A test that is cut short leaves no server behind. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const server of running) server.kill('SIGKILL');
});

/** As `REDIS_STATE_URL` wants it: nothing is evicted, and the append-only file is synced each second. */
export async function startRedis(...options: string[]): Promise<TestRedis> {
  const server = await startServer('--appendonly', 'yes', '--appendfsync', 'everysec', ...options);
  return group(`redis://127.0.0.1:${server.port}`, [server]);
}

/** A master, a replica, and three sentinels, which are the last of `servers`. */
export async function startRedisWithSentinel(): Promise<TestRedis> {
  const master = await startServer('--appendonly', 'yes');
  const replica = await startServer('--replicaof', '127.0.0.1', String(master.port), '--repl-diskless-sync-delay', '0');
  const watching = [
    `sentinel monitor ${MASTER} 127.0.0.1 ${master.port} 2`,
    `sentinel down-after-milliseconds ${MASTER} 1000`,
    `sentinel failover-timeout ${MASTER} 5000`,
  ];
  const sentinels: RedisServer[] = [];
  for (let n = 0; n < SENTINELS; n++) sentinels.push(await startServer({ sentinel: watching }));
  await until(async () => String(await master.run('INFO', 'replication')).includes('state=online'));
  for (const sentinel of sentinels) {
    await until(async () => {
      const info = String(await sentinel.run('INFO', 'sentinel'));
      return info.includes(`slaves=1,sentinels=${SENTINELS}`);
    });
  }
  const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
  return group(`redis+sentinel://${hosts}/${MASTER}`, [master, replica, ...sentinels]);
}

/** Three masters, and with `replicas` one replica for each, behind them in `servers`. */
export async function startRedisCluster({ replicas = false } = {}): Promise<TestRedis> {
  const options = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', '--appendonly', 'yes'];
  const more = ['--cluster-require-full-coverage', 'no', '--repl-diskless-sync-delay', '0'];
  const masters: RedisServer[] = [];
  const followers: RedisServer[] = [];
  for (let n = 0; n < 3; n++) masters.push(await startServer(...options, ...more));
  for (let n = 0; replicas && n < 3; n++) followers.push(await startServer(...options, ...more));
  const all = [...masters, ...followers];
  for (const [n, master] of masters.entries()) {
    const [from, to] = [Math.floor((n * 16_384) / 3), Math.floor(((n + 1) * 16_384) / 3) - 1];
    await master.run('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
    await master.run('CLUSTER', 'SET-CONFIG-EPOCH', String(n + 1));
  }
  for (const server of all.slice(1)) await server.run('CLUSTER', 'MEET', '127.0.0.1', String(all[0]!.port));
  for (const server of all) {
    await until(async () => {
      const info = String(await server.run('CLUSTER', 'INFO'));
      return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${all.length}`);
    });
  }
  for (const [n, follower] of followers.entries()) {
    const id = String(await masters[n]!.run('CLUSTER', 'MYID'));
    await until(async () => String(await follower.run('CLUSTER', 'REPLICATE', id)) === 'OK');
    await until(async () => String(await masters[n]!.run('INFO', 'replication')).includes('state=online'));
  }
  for (const server of all) {
    await until(async () =>
      ((await server.run('CLUSTER', 'SLOTS')) as unknown[][]).every((range) => range.length === (replicas ? 4 : 3)),
    );
  }
  return group(`redis+cluster://${masters.map(({ port }) => `127.0.0.1:${port}`).join(',')}`, all);
}

function group(url: string, servers: readonly RedisServer[]): TestRedis {
  return {
    url,
    servers,
    [Symbol.asyncDispose]: async () => {
      for (const server of servers.toReversed()) await server[Symbol.asyncDispose]();
    },
  };
}

async function startServer(...given: (string | { sentinel: string[] })[]): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'cb-redis-'));
  const port = await freePort();
  const sentinel = given.flatMap((one) => (typeof one === 'string' ? [] : one.sentinel));
  const options = given.filter((one) => typeof one === 'string');
  const config = join(folder, 'redis.conf');
  await writeFile(config, `${[`port ${port}`, `dir ${folder}`, ...sentinel].join('\n')}\n`);
  let child: ChildProcess | null = null;
  const run = async (...command: string[]) => {
    const client = createClient({
      socket: { host: '127.0.0.1', port, reconnectStrategy: false, connectTimeout: 2_000 },
    });
    client.on('error', () => {});
    try {
      await client.connect();
      return await client.sendCommand(command);
    } finally {
      client.destroy();
    }
  };
  const kill = async () => {
    const dying = child;
    child = null;
    if (!dying || dying.exitCode !== null || dying.signalCode !== null) return;
    dying.kill('SIGKILL');
    await once(dying, 'exit');
  };
  const start = async (data: RestartData = 'kept') => {
    if (data === 'torn') await tear(join(folder, 'aof'));
    if (data === 'deleted') await rm(join(folder, 'aof'), { recursive: true, force: true });
    const args = sentinel.length > 0 ? [config, '--sentinel'] : [config, ...BASE, ...options];
    const started = spawn('redis-server', args, { stdio: 'ignore' });
    child = started;
    running.add(started);
    started.once('exit', () => running.delete(started));
    await Promise.race([
      once(started, 'spawn'),
      once(started, 'error').then(([cause]) => Promise.reject(new Error('redis-server is needed', { cause }))),
    ]);
    await until(async () => {
      if (started.exitCode !== null) throw new Error(`redis-server in ${folder} ended with ${started.exitCode}`);
      return String(await run('PING').catch(() => null)) === 'PONG';
    });
  };
  await start();
  return {
    port,
    get pid() {
      return child?.pid ?? -1;
    },
    run,
    signal: (name) => void child?.kill(name),
    kill,
    start,
    [Symbol.asyncDispose]: async () => {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function tear(folder: string): Promise<void> {
  const file = (await readdir(folder)).find((name) => name.endsWith('.incr.aof'));
  const path = join(folder, file!);
  await truncate(path, Math.max(0, (await stat(path)).size - TORN_BYTES));
}

/** Low enough that a cluster's bus port is one too. */
async function freePort(): Promise<number> {
  for (;;) {
    const [port] = await freePorts(1);
    if (await isFree(port! + BUS_OFFSET)) return port!;
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition().catch(() => false))) await pause(50);
}
