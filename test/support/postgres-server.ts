import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chmod, mkdtemp, open, readdir, readFile, readlink, realpath, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { type Binaries, findBinaries } from '../../src/adapters/postgres/local-binaries.ts';
import {
  giveTo,
  type RunAs,
  reachableBinaries,
  spawnAs,
  unprivileged,
} from '../../src/adapters/postgres/local-folders.ts';
import { childEnvironment, initialise, LOCAL_USER } from '../../src/adapters/postgres/local-init.ts';
import { freePorts } from '../../src/roles/cluster/free-ports.ts';

const run = promisify(execFile);
const READY_TIMEOUT_MS = 60_000;
/** The oldest supported is the one that systems have with all of its tools, pg_basebackup among them. */
const WITH_TOOLS = 15;

export type Connection = { host: string; port: number; user: string; database: string };

/** One PostgreSQL on a port of its own, that nobody starts again but the test. */
export interface PostgresServer extends AsyncDisposable {
  readonly connection: Connection;
  run<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>;
  /** Does nothing where it runs. */
  start(): Promise<void>;
  /** Resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP of every one of its processes: it accepts connections and answers nothing. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** A standby that streams from this one, made with pg_basebackup and running. */
  makeStandby(): Promise<PostgresServer>;
  /** Of a standby: takes writes when this resolves. */
  promote(): Promise<void>;
}

export async function startPostgresServer(): Promise<PostgresServer> {
  const runAs = await unprivileged();
  const binaries = await reachableBinaries(await findBinaries(WITH_TOOLS), runAs);
  const folder = await ownFolder(runAs);
  const data = path.join(folder, 'data');
  await initialise(binaries, { location: folder, data, run: folder, log: path.join(folder, 'log') }, runAs);
  await appendFile(path.join(data, 'pg_hba.conf'), 'host replication all 127.0.0.1/32 trust\n');
  const server = new Server(binaries, folder, runAs, (await freePorts(1))[0]!);
  await server.start();
  await server.run('CREATE DATABASE chatterbot', [], 'postgres');
  return server;
}

async function ownFolder(runAs: RunAs): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'cb-pgs-'));
  await chmod(folder, 0o755);
  await giveTo(folder, runAs);
  return folder;
}

/** Runs it for as long as the pipe on descriptor 3 is open, paused or not: it does not outlive the test. */
const WITH_PARENT = `
"$@" 3<&- &
server=$!
( read -r _ <&3; kill -QUIT $server; kill -CONT $server ) 2> /dev/null &
exec 3<&-
wait $server
`;

class Server implements PostgresServer {
  readonly connection: Connection;
  readonly #binaries: Binaries;
  readonly #folder: string;
  readonly #runAs: RunAs;
  #process: ChildProcess | null = null;

  constructor(binaries: Binaries, folder: string, runAs: RunAs, port: number) {
    this.#binaries = binaries;
    this.#folder = folder;
    this.#runAs = runAs;
    this.connection = { host: '127.0.0.1', port, user: LOCAL_USER, database: 'chatterbot' };
  }

  async start(): Promise<void> {
    if (this.#isRunning()) return;
    const log = await open(path.join(this.#folder, 'log'), 'a');
    const settings = {
      listen_addresses: '127.0.0.1',
      port: this.connection.port,
      unix_socket_directories: '',
      max_connections: 80,
      shared_buffers: '32MB',
      wal_level: 'replica',
      wal_keep_size: '64MB',
      hot_standby: 'on',
      max_wal_size: '128MB',
      max_worker_processes: 2,
      autovacuum_max_workers: 1,
      jit: 'off',
      timezone: 'UTC',
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const command = [path.join(this.#binaries.bin, 'postgres'), '-D', path.join(this.#folder, 'data'), ...flags];
    this.#process = spawn('/bin/sh', ['-c', WITH_PARENT, 'postgres', ...command], {
      ...spawnAs(this.#runAs),
      cwd: this.#folder,
      env: childEnvironment(),
      stdio: ['ignore', log.fd, log.fd, 'pipe'],
    });
    await log.close();
    await this.#until(async () => {
      await this.run('SELECT 1', [], 'postgres');
    });
  }

  #isRunning(): boolean {
    return this.#process !== null && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  async #until(attempt: () => Promise<void>): Promise<void> {
    const until = performance.now() + READY_TIMEOUT_MS;
    for (;;) {
      const failure = await attempt().then(
        () => null,
        (error: unknown) => error,
      );
      if (failure === null) return;
      if (this.#process!.exitCode !== null || performance.now() > until) {
        const said = await readFile(path.join(this.#folder, 'log'), 'utf8').catch(() => '');
        throw new Error(`PostgreSQL in ${this.#folder}: ${said.slice(-2000)}`, { cause: failure });
      }
      await sleep(30);
    }
  }

  async run<Row extends object>(
    text: string,
    values: unknown[] = [],
    database = this.connection.database,
  ): Promise<Row[]> {
    const client = new pg.Client({ ...this.connection, database, connectionTimeoutMillis: 5_000 });
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query<Row>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  async kill(): Promise<void> {
    const ended = once(this.#process!, 'exit');
    process.kill(await this.#postmaster(), 'SIGKILL');
    await ended;
    await this.#signalAll('SIGKILL');
  }

  async pause(): Promise<void> {
    await this.#signalAll('SIGSTOP');
  }

  async resume(): Promise<void> {
    await this.#signalAll('SIGCONT');
  }

  async #postmaster(): Promise<number> {
    return Number((await readFile(path.join(this.#folder, 'data', 'postmaster.pid'), 'utf8')).split('\n', 1)[0]);
  }

  /** The postmaster and its children: all work in the folder of the data. */
  async #signalAll(signal: NodeJS.Signals): Promise<void> {
    const data = path.join(this.#folder, 'data');
    for (const name of await readdir('/proc')) {
      if (!/^\d+$/.test(name) || (await readlink(`/proc/${name}/cwd`).catch(() => '')) !== data) continue;
      try {
        process.kill(Number(name), signal);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }

  async makeStandby(): Promise<PostgresServer> {
    const folder = await ownFolder(this.#runAs);
    const { host, port, user } = this.connection;
    const flags = [
      '-D',
      path.join(folder, 'data'),
      '-h',
      host,
      '-p',
      `${port}`,
      '-U',
      user,
      '-R',
      '-X',
      'stream',
      '-c',
      'fast',
    ];
    // Only servers may be linked into the PATH; their tools are where they are.
    const tools = path.dirname(await realpath(path.join(this.#binaries.bin, 'postgres')));
    await run(path.join(tools, 'pg_basebackup'), flags, {
      ...spawnAs(this.#runAs),
      cwd: folder,
      env: childEnvironment(),
    });
    const standby = new Server(this.#binaries, folder, this.#runAs, (await freePorts(1))[0]!);
    await standby.start();
    return standby;
  }

  async promote(): Promise<void> {
    await this.run('SELECT pg_promote(true, 60)');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isRunning()) {
      const ended = once(this.#process!, 'exit');
      await this.#signalAll('SIGCONT');
      (this.#process!.stdio[3] as Socket).destroy();
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}
