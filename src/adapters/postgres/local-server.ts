import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { backoffMs } from '../../lib/backoff.ts';
import { type Binaries, findBinaries } from './local-binaries.ts';
import { errorFromFileSystem, errorFromOutput, LocalPostgresError } from './local-error.ts';
import {
  type Folders,
  giveTo,
  prepareFolders,
  type RunAs,
  reachableBinaries,
  spawnAs,
  unprivileged,
} from './local-folders.ts';
import { childEnvironment, dataVersion, initialise, LOCAL_USER } from './local-init.ts';
import { endLeftover } from './local-leftover.ts';
import { serverSettings } from './local-settings.ts';

export type LocalPostgresEvent =
  | { kind: 'preparing'; location: string }
  | { kind: 'died'; said: string; restartInMs: number }
  | { kind: 'restart-failed'; error: unknown; restartInMs: number }
  | { kind: 'restarted' };

export type LocalPostgresOptions = {
  /** PostgreSQL's files go into its folder `postgres`. */
  dataDir: string;
  onEvent?: (event: LocalPostgresEvent) => void;
  /** Aborted: a start under way is given up, and whatever it had started is stopped. */
  signal?: AbortSignal;
  /** Where to look for a PostgreSQL of the system instead of the npm package's own. */
  binaries?: Binaries;
};

export interface LocalPostgres extends AsyncDisposable {
  readonly connectionOptions: { host: string; port: number; user: string; database: string };
  /** The folder with the data: not always in `dataDir`, see prepareFolders. */
  readonly location: string;
  readonly version: string;
}

const DATABASE = 'chatterbot';
const READY_TIMEOUT_MS = 60_000;
/** A recovery after a crash may take long; while PostgreSQL says that it is at it, we wait. */
const RECOVERY_TIMEOUT_MS = 600_000;
const READY_POLL_MS = 15;
const LOG_LIMIT_BYTES = 1 << 20;
const IN_USE_RETRIES = 10;
const IN_USE_DELAY_MS = 500;
const RESTART_BASE_MS = 100;
const RESTART_MAX_MS = 10_000;
/** A server that lived this long starts again without the delays of those before it. */
const STEADY_MS = 30_000;

/**
 * Runs PostgreSQL and ends when the pipe on descriptor 3 closes, which the death of its parent does
 * however it dies. $0 is the file for its own number.
 */
const SUPERVISOR = `
echo $$ > "$0"
"$@" 3<&- < /dev/null &
server=$!
( read -r _ <&3
  kill -INT $server; sleep 10; kill -QUIT $server; sleep 5; kill -KILL $server ) 2> /dev/null > /dev/null &
watch=$!
exec 3<&-
wait $server
code=$?
kill $watch 2> /dev/null
exit $code
`;

/** The caller holds the lock of `dataDir`. Throws LocalPostgresError. */
export async function startLocalPostgres(options: LocalPostgresOptions): Promise<LocalPostgres> {
  const runAs = await unprivileged();
  const folders = await prepareFolders(options.dataDir, runAs);
  const made = await dataVersion(folders.data);
  const binaries = await reachableBinaries(options.binaries ?? (await findBinaries(made)), runAs);
  if (made !== null && made !== binaries.major) {
    throw new LocalPostgresError(
      'wrong_version',
      `The data in ${folders.data} was made by PostgreSQL ${made}; this one is ${binaries.version}`,
      { path: folders.data },
    );
  }
  const server = new LocalServer(binaries, folders, runAs, options);
  try {
    await endLeftover(folders, server.supervisorFile);
    if (made === null) {
      options.onEvent?.({ kind: 'preparing', location: folders.location });
      await initialise(binaries, folders, runAs);
    }
    await server.start();
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

class LocalServer implements LocalPostgres {
  readonly connectionOptions: LocalPostgres['connectionOptions'];
  readonly location: string;
  readonly version: string;
  readonly supervisorFile: string;
  readonly #binaries: Binaries;
  readonly #folders: Folders;
  readonly #runAs: RunAs;
  readonly #options: LocalPostgresOptions;
  readonly #closing = new AbortController();
  #supervisor: ChildProcess | null = null;
  #restarts: Promise<void> = Promise.resolve();

  constructor(binaries: Binaries, folders: Folders, runAs: RunAs, options: LocalPostgresOptions) {
    this.#binaries = binaries;
    this.#folders = folders;
    this.#runAs = runAs;
    this.#options = options;
    this.location = folders.location;
    this.version = binaries.version;
    this.supervisorFile = path.join(folders.location, 'supervisor.pid');
    this.connectionOptions = { host: folders.run, port: 5432, user: LOCAL_USER, database: DATABASE };
  }

  async start(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#launch(this.#options.signal);
        break;
      } catch (error) {
        // Processes of one that was killed outright may take a moment to notice.
        const isPassing = error instanceof LocalPostgresError && error.reason === 'in_use';
        if (!isPassing || attempt === IN_USE_RETRIES) throw error;
        await sleep(IN_USE_DELAY_MS, null, { signal: this.#options.signal });
      }
    }
    this.#keepUp(performance.now());
  }

  async #launch(signal?: AbortSignal): Promise<void> {
    const log = await this.#openLog();
    const from = (await log.stat()).size;
    try {
      const { bin, major } = this.#binaries;
      const command = [
        path.join(bin, 'postgres'),
        '-D',
        this.#folders.data,
        ...serverSettings(major, this.#folders.run),
      ];
      // A session of its own: Ctrl-C in the terminal is for the server, which still needs its database to end well.
      const supervisor = spawn('/bin/sh', ['-c', SUPERVISOR, this.supervisorFile, ...command], {
        ...spawnAs(this.#runAs),
        cwd: this.#folders.location,
        detached: true,
        env: childEnvironment(),
        stdio: ['ignore', log.fd, log.fd, 'pipe'],
      });
      this.#supervisor = supervisor;
      // The pipe ends with the child; an error on it says nothing that the exit does not.
      supervisor.stdio[3]?.on('error', () => {});
      const failedToSpawn = new Promise<never>((_, reject) => supervisor.once('error', reject));
      failedToSpawn.catch(() => {});
      await Promise.race([this.#untilReady(supervisor, from, signal), failedToSpawn]);
    } finally {
      await log.close();
    }
  }

  async #openLog(): Promise<FileHandle> {
    const { log } = this.#folders;
    try {
      const size = await stat(log).then(
        (found) => found.size,
        () => 0,
      );
      if (size > LOG_LIMIT_BYTES) await rename(log, `${log}.1`);
      const handle = await open(log, 'a', 0o600);
      await giveTo(log, this.#runAs);
      return handle;
    } catch (error) {
      throw errorFromFileSystem('write', log, error);
    }
  }

  async #untilReady(supervisor: ChildProcess, logFrom: number, signal?: AbortSignal): Promise<void> {
    let deadline = performance.now() + READY_TIMEOUT_MS;
    const last = performance.now() + RECOVERY_TIMEOUT_MS;
    for (;;) {
      signal?.throwIfAborted();
      if (hasExited(supervisor)) throw errorFromOutput('start', this.location, await this.#saidSince(logFrom));
      const answer = await this.#knock();
      if (answer === 'ready') return;
      if (answer === 'starting') deadline = Math.min(performance.now() + READY_TIMEOUT_MS, last);
      if (performance.now() > deadline) {
        throw errorFromOutput('become ready', this.location, await this.#saidSince(logFrom));
      }
      await sleep(READY_POLL_MS);
    }
  }

  async #knock(): Promise<'ready' | 'starting' | 'absent'> {
    const code = await this.#query(DATABASE, 'SELECT 1');
    if (code === null) return 'ready';
    if (code === '57P03') return 'starting';
    // The database itself is made at the first start, or again where that one was cut before.
    if (code === '3D000') {
      const made = await this.#query('postgres', `CREATE DATABASE ${DATABASE}`);
      return made === null || made === '42P04' ? 'ready' : 'starting';
    }
    return 'absent';
  }

  /** Null where it went well, else the error's code. */
  async #query(database: string, text: string): Promise<string | null> {
    const client = new pg.Client({ ...this.connectionOptions, database, connectionTimeoutMillis: READY_TIMEOUT_MS });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.query(text);
      return null;
    } catch (error) {
      return (error as { code?: string }).code ?? 'unknown';
    } finally {
      await client.end().catch(() => {});
    }
  }

  async #saidSince(from: number): Promise<string> {
    const handle = await open(this.#folders.log, 'r');
    try {
      const { size } = await handle.stat();
      const start = Math.max(size < from ? 0 : from, size - 8192);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - start), 0, size - start, start);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  }

  /** Starts it again, with backoff, for as long as this process wants it. */
  #keepUp(since: number, attempt = 0): void {
    const supervisor = this.#supervisor!;
    const ended = hasExited(supervisor) ? Promise.resolve() : once(supervisor, 'exit').then(() => {});
    this.#restarts = ended.then(() => this.#restart(performance.now() - since > STEADY_MS ? 0 : attempt));
    this.#restarts.catch(() => {});
  }

  async #restart(firstAttempt: number): Promise<void> {
    const { signal } = this.#closing;
    // Where only the shell died, its helper still waits at the pipe, and stops PostgreSQL now.
    this.#supervisor?.stdio[3]?.destroy();
    for (let attempt = firstAttempt; !signal.aborted; attempt++) {
      const restartInMs = backoffMs(attempt, RESTART_BASE_MS, RESTART_MAX_MS, Math.random());
      if (attempt === firstAttempt) {
        const said = await this.#saidSince(0).catch(() => '');
        this.#options.onEvent?.({ kind: 'died', said: said.trimEnd().slice(-1000), restartInMs });
      }
      await sleep(restartInMs, null, { signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        await endLeftover(this.#folders, this.supervisorFile);
        await this.#launch(signal);
        this.#options.onEvent?.({ kind: 'restarted' });
        this.#keepUp(performance.now(), attempt + 1);
        return;
      } catch (error) {
        if (signal.aborted) return;
        await this.#stopSupervisor();
        this.#options.onEvent?.({ kind: 'restart-failed', error, restartInMs });
      }
    }
  }

  async #stopSupervisor(): Promise<void> {
    const supervisor = this.#supervisor;
    if (!supervisor || hasExited(supervisor)) return;
    const ended = once(supervisor, 'exit');
    supervisor.stdio[3]?.destroy();
    // The shell itself goes from polite to SIGKILL within 15 s.
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#stopSupervisor();
    await this.#restarts.catch(() => {});
    await this.#stopSupervisor();
    const { run, location } = this.#folders;
    if (path.dirname(run) !== location) await rm(run, { recursive: true, force: true });
  }
}

function hasExited(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}
