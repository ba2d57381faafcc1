import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExitError } from '../../config/exit-codes.ts';
import { killGroup } from '../../lib/kill-group.ts';

export type PartKind =
  | 'postgres'
  | 'postgres-replica'
  | 'epmd'
  | 'rabbitmq'
  | 'redis'
  | 'api'
  | 'worker'
  | 'nginx'
  | 'model';

export type PartSpec = {
  name: string;
  kind: PartKind;
  /** How it is reached; null where nobody does. */
  address: string | null;
  command: readonly string[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  runAs?: { uid?: number; gid?: number };
  log: string;
  /** Where its number is kept while it runs. */
  pidFile: string;
  /** What tells it to end well. */
  stopSignal: NodeJS.Signals;
  /** Milliseconds until it is ended outright. */
  stopWithinMs: number;
  /** Rejects, or resolves to false, while it cannot be used yet. */
  isReady: () => Promise<boolean>;
  /** Where it writes its own number once it is ready, if the command is only its launcher. */
  ownPidFile?: string;
  /** What is left of one that was killed may be in its way for a moment. */
  startAttempts?: number;
};

/**
 * Runs a server, writes its number to $0, and ends it, and all of its process group, when the pipe on
 * descriptor 3 closes, which the death of whoever started it does however it dies. $1: the polite signal,
 * $2: seconds until the other one.
 */
const KEEPER = `
pids="$0"; polite="$1"; patience="$2"; shift 2
"$@" 3<&- < /dev/null &
server=$!
echo $server > "$pids"
( trap '' TERM INT HUP; read -r _ <&3
  kill -$polite $server 2> /dev/null
  n=0; while kill -0 $server 2> /dev/null && [ $n -lt $((patience * 10)) ]; do sleep 0.1; n=$((n + 1)); done
  kill -KILL 0 ) > /dev/null 2>&1 &
watch=$!
exec 3<&-
wait $server
code=$?
kill -KILL $watch 2> /dev/null
exit $code
`;

const READY_TIMEOUT_MS = 90_000;
const POLL_MS = 30;
const ATTEMPT_PAUSE_MS = 250;
const LOG_TAIL_BYTES = 1500;

/** One process of the cluster; it may be killed and started again at the same address. */
export class Part implements AsyncDisposable {
  readonly spec: PartSpec;
  /** Called when it ends without having been told to. */
  onDeath: ((how: string) => void) | null = null;
  #keeper: ChildProcess | null = null;
  #pid: number | null = null;
  #expected = false;

  constructor(spec: PartSpec) {
    this.spec = spec;
  }

  get name(): string {
    return this.spec.name;
  }

  /** Null while it does not run. */
  get pid(): number | null {
    return this.#pid;
  }

  /** Resolves when it can be used. */
  async start(signal?: AbortSignal): Promise<void> {
    if (this.#keeper) throw new Error(`${this.name} runs already`);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#startOnce(signal);
      } catch (error) {
        if (attempt >= (this.spec.startAttempts ?? 1) || signal?.aborted || this.#keeper) throw error;
        await sleep(ATTEMPT_PAUSE_MS);
      }
    }
  }

  async #startOnce(signal?: AbortSignal): Promise<void> {
    const { command, env, cwd, runAs, log, pidFile, stopSignal, stopWithinMs } = this.spec;
    mkdirSync(dirname(log), { recursive: true });
    await rm(pidFile, { force: true });
    const output = openSync(log, 'a');
    const patience = String(Math.ceil(stopWithinMs / 1000));
    const keeper = spawn('/bin/sh', ['-c', KEEPER, pidFile, stopSignal.replace('SIG', ''), patience, ...command], {
      // A group of its own: Ctrl-C in the terminal is for the command, which takes the parts down in order.
      detached: true,
      env: env ?? process.env,
      cwd: cwd ?? dirname(log),
      stdio: ['ignore', output, output, 'pipe'],
      ...runAs,
    });
    closeSync(output);
    keeper.stdio[3]?.on('error', () => {});
    this.#keeper = keeper;
    this.#expected = true;
    keeper.once('exit', (code, by) => this.#ended(keeper, by ?? `code ${code}`));
    keeper.once('error', (error) => this.#ended(keeper, error.message));
    await this.#untilReady(keeper, signal);
    this.#expected = false;
  }

  async #untilReady(keeper: ChildProcess, signal?: AbortSignal): Promise<void> {
    const last = performance.now() + READY_TIMEOUT_MS;
    for (;;) {
      signal?.throwIfAborted();
      if (this.#keeper !== keeper) throw this.#failed('ended at its start');
      this.#pid ??= Number((await readFile(this.spec.pidFile, 'utf8').catch(() => '')).trim()) || null;
      if (this.#pid !== null && (await this.spec.isReady().catch(() => false))) {
        const { ownPidFile } = this.spec;
        if (ownPidFile !== undefined) this.#pid = Number(await readFile(ownPidFile, 'utf8'));
        return;
      }
      if (performance.now() > last) throw this.#failed('did not become ready');
      await sleep(POLL_MS);
    }
  }

  #failed(what: string): ExitError {
    const said = readFileSync(this.spec.log, 'utf8').slice(-LOG_TAIL_BYTES).trim();
    return new ExitError('internal', `${this.name} ${what}; its log (${this.spec.log}) ends with:\n${said}`);
  }

  #ended(keeper: ChildProcess, how: string): void {
    if (this.#keeper !== keeper) return;
    this.#keeper = null;
    this.#pid = null;
    keeper.stdio[3]?.destroy();
    if (!this.#expected) this.onDeath?.(how);
  }

  /** To the server itself. */
  signal(name: NodeJS.Signals): void {
    if (this.#pid === null) return;
    try {
      process.kill(this.#pid, name);
    } catch (error) {
      // It ended a moment ago, which its keeper has not told yet.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  /** Outright, and resolves when it is gone. `onDeath` is not called. */
  async kill(): Promise<void> {
    const keeper = this.#keeper;
    if (!keeper?.pid) return;
    this.#expected = true;
    const gone = once(keeper, 'exit');
    // Of the keeper's group: the server, which may outlive it by a moment, and the server's own helpers.
    await Promise.all([killGroup(keeper.pid), gone]);
    this.#ended(keeper, 'killed');
  }

  /** As an operator ends it; outright where that takes too long. */
  async stop(): Promise<void> {
    const keeper = this.#keeper;
    if (!keeper?.pid) return;
    this.#expected = true;
    const gone = once(keeper, 'exit');
    // A paused one could not end.
    if (this.#pid !== null) this.signal('SIGCONT');
    keeper.stdio[3]?.destroy();
    await gone;
    this.#ended(keeper, 'stopped');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
