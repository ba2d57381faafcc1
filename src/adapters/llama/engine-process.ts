import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { backoffMs } from '../../lib/backoff.ts';
import type { InferenceHealth, ModelInfo } from '../../ports/inference.ts';
import type { EngineOptions, FromEngine, LoadFailure, ToEngine } from './engine-messages.ts';

export type EngineEvent =
  | { kind: 'ready'; model: ModelInfo; pid: number; loadMs: number }
  | { kind: 'exited'; detail: string; restartInMs: number }
  | { kind: 'stalled'; pid: number }
  | { kind: 'log'; level: 'warn' | 'error'; message: string };

export type EngineProcessOptions = {
  engine: EngineOptions;
  onEvent: (event: EngineEvent) => void;
  onMessage: (message: FromEngine) => void;
  /** Whatever was in flight is lost. */
  onLost: (detail: string) => void;
  /** Whether an answer is being waited for. */
  busy: () => boolean;
};

/** Owns the model's process: starts it, starts it again whenever it dies or stalls, says how it stands. */
export class EngineProcess {
  readonly #options: EngineProcessOptions;
  #child: ChildProcess | null = null;
  #state: InferenceHealth = { status: 'starting', detail: 'The model is being loaded.' };
  #failure: { reason: LoadFailure; message: string } | null = null;
  #model: ModelInfo | null = null;
  /** Exits in a row, without a minute of life between them. */
  #exits = 0;
  #startedAt = 0;
  #heardAt = 0;
  #errorOutput = '';
  #restart: NodeJS.Timeout | undefined;
  readonly #watch: NodeJS.Timeout;
  #disposed = false;
  #waiters = new Set<() => void>();

  constructor(options: EngineProcessOptions) {
    this.#options = options;
    this.#watch = setInterval(() => this.#killStalled(), STALL_CHECK_MS);
    this.#watch.unref();
    this.#start();
  }

  get health(): InferenceHealth {
    return this.#state;
  }

  /** What was last loaded, also while it is being loaded again. */
  get model(): ModelInfo | null {
    return this.#model;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get ready(): boolean {
    return this.#state.status === 'up';
  }

  /** Resolves at the next change of state. */
  async change(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = () => reject(signal.reason);
    this.#waiters.add(resolve);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await promise;
    } finally {
      this.#waiters.delete(resolve);
      signal.removeEventListener('abort', onAbort);
    }
  }

  send(message: ToEngine): void {
    // A write that fails is followed by the exit, which tells whoever waits.
    if (this.#child?.connected) this.#child.send(message, () => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    clearTimeout(this.#restart);
    clearInterval(this.#watch);
    this.#become({ status: 'down', detail: 'The server is going away.' });
    const child = this.#child;
    if (child === null) return;
    const exited = once(child, 'exit');
    if (child.connected) child.disconnect();
    const late = setTimeout(() => child.kill('SIGKILL'), EXIT_GRACE_MS);
    await exited;
    clearTimeout(late);
  }

  #start(): void {
    this.#startedAt = this.#heardAt = performance.now();
    this.#failure = null;
    this.#errorOutput = '';
    const child = fork(new URL('engine-child.ts', import.meta.url), {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child = child;
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#errorOutput = (this.#errorOutput + text).slice(-ERROR_OUTPUT_CHARS);
    });
    child.on('message', (message: FromEngine) => this.#receive(message));
    child.on('error', (error) => this.#gone(child, error.message));
    // Not `exit`, which may come before the last messages.
    child.on('close', (code, signal) => this.#gone(child, describeExit(code, signal)));
    this.send({ kind: 'load', options: this.#options.engine });
  }

  #receive(message: FromEngine): void {
    this.#heardAt = performance.now();
    if (message.kind === 'ready') {
      this.#model = message.model;
      this.#become({ status: 'up', detail: message.model.title });
      const loadMs = Math.round(this.#heardAt - this.#startedAt);
      this.#options.onEvent({ kind: 'ready', model: message.model, pid: this.#child!.pid!, loadMs });
    } else if (message.kind === 'failed') {
      this.#failure = { reason: message.reason, message: message.message };
    } else if (message.kind === 'log') {
      this.#options.onEvent(message);
    } else {
      this.#options.onMessage(message);
    }
  }

  #gone(child: ChildProcess, how: string): void {
    if (this.#child !== child) return;
    this.#child = null;
    const lived = performance.now() - this.#startedAt;
    this.#exits = lived > STABLE_MS ? 1 : this.#exits + 1;
    const detail = this.#failure?.message ?? `The model's process ended (${how}). ${this.#errorOutput.trim()}`.trim();
    if (!this.#disposed) {
      const restartInMs =
        this.#exits === 1 ? 0 : backoffMs(this.#exits - 2, BACKOFF_MS.first, BACKOFF_MS.most, Math.random());
      const hopeful = this.#failure === null && this.#exits <= HOPEFUL_EXITS;
      this.#become({ status: hopeful ? 'starting' : 'down', detail });
      this.#options.onEvent({ kind: 'exited', detail, restartInMs });
      this.#restart = setTimeout(() => this.#start(), restartInMs);
      this.#restart.unref();
    }
    this.#options.onLost(detail);
  }

  /** Native code that hangs, or a process that was stopped, answers nobody and never exits. */
  #killStalled(): void {
    const child = this.#child;
    if (child === null || !this.ready || !this.#options.busy()) {
      this.#heardAt = performance.now();
      return;
    }
    if (performance.now() - this.#heardAt < STALL_MS) return;
    this.#options.onEvent({ kind: 'stalled', pid: child.pid! });
    child.kill('SIGKILL');
  }

  #become(state: InferenceHealth): void {
    this.#state = state;
    for (const resolve of this.#waiters) resolve();
  }
}

const STALL_CHECK_MS = 5000;
const STALL_MS = 60_000;
const STABLE_MS = 60_000;
/** Deaths in a row after which it is called down and no longer starting. */
const HOPEFUL_EXITS = 3;
const BACKOFF_MS = { first: 250, most: 30_000 } as const;
const EXIT_GRACE_MS = 3000;
const ERROR_OUTPUT_CHARS = 2000;

function describeExit(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal === 'SIGKILL') return 'killed, perhaps for want of memory';
  return signal ?? `code ${code}`;
}
