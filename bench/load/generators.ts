import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/**
 * The model server and the people of a load test, in C: at 10,000 streams beside the system on two cores a
 * generator in Node would cost more than what is measured. Compiled when they are first used.
 */
const SOURCES = fileURLToPath(new URL('./', import.meta.url));
const BUILT = fileURLToPath(new URL('../../.cache/bench/', import.meta.url));
const run = promisify(execFile);

/** Milliseconds; see `hist_print` in common.h. */
export type Quantiles = {
  count: number;
  mean: number;
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
};

/** Since the last mark. `torn`: tokens that are not the one of their place; `lost`: bytes missing or too many. */
export type ReaderCounts = {
  at: number;
  live: number;
  running: number;
  asked: number;
  begun: number;
  finished: number;
  tokens: number;
  bytes: number;
  events: number;
  torn: number;
  lost: number;
  failed: number;
  reconnects: number;
  errors: number;
  served: number;
  /** What was refused (by status and code), ended as an error (`event`) or was tried too often (`given up`). */
  codes: Record<string, number>;
  /** From when the question was due to the first text; for `sync` and `async`: to the answer. */
  ttft: Quantiles;
  /** From when the model wrote a token to when it was read. */
  delay: Quantiles;
  ack: Quantiles;
  /** As `ack`, since the readers began. */
  ackWhole: Quantiles;
  resume: Quantiles;
};

export type ReaderOptions = {
  mode: 'stream' | 'openai' | 'sync' | 'async';
  /** http://IP:PORT, in turn. */
  hosts: readonly string[];
  key?: string;
  path?: string;
  model?: string;
  headers?: Record<string, string>;
  sessions: number;
  rate: number;
  tokens: number;
  pace: number;
  sigma?: number;
  turns?: number;
  think?: number;
  pad?: number;
  users?: number;
  sources?: number;
  slow?: number;
  most?: number;
  poll?: number;
};

export async function buildGenerators(): Promise<void> {
  await mkdir(BUILT, { recursive: true });
  await Promise.all(['upstream', 'readers'].map(compile));
}

async function compile(name: string): Promise<void> {
  const [source, target] = [join(SOURCES, `${name}.c`), join(BUILT, name)];
  const changed = await Promise.all([`${name}.c`, 'common.h', 'http.h'].map((file) => changedAt(join(SOURCES, file))));
  if ((await changedAt(target)) > Math.max(...changed)) return;
  try {
    await run('cc', ['-O2', '-Wall', '-Wno-maybe-uninitialized', '-o', target, source, '-lm'], { timeout: 60_000 });
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
    throw new Error('The load generators are compiled with cc, which is not installed: apt-get install gcc libc6-dev', {
      cause: error,
    });
  }
}

const changedAt = (file: string) =>
  stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );

export type UpstreamStats = {
  tokens: number;
  requests: number;
  finished: number;
  aborted: number;
  open: number;
  late: Quantiles;
};

export class LoadUpstream implements AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.pid = child.pid!;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(): Promise<LoadUpstream> {
    const child = spawn(join(BUILT, 'upstream'), ['0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of createInterface(child.stdout!)) return new LoadUpstream(child, Number(line));
    throw new Error('The model server of the load test did not start.');
  }

  /** `late`: how far behind its own pace it wrote, since the last call. */
  async stats(): Promise<UpstreamStats> {
    return (await (await fetch(`${this.url}/stats`)).json()) as UpstreamStats;
  }

  [Symbol.asyncDispose] = () => end(this.#child);
}

const NO_QUANTILES: Quantiles = { count: 0, mean: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 };
const NOTHING = {
  live: 0,
  running: 0,
  asked: 0,
  begun: 0,
  finished: 0,
  tokens: 0,
  bytes: 0,
  events: 0,
  torn: 0,
  lost: 0,
  failed: 0,
  reconnects: 0,
  errors: 0,
  served: 0,
  codes: {},
  ttft: NO_QUANTILES,
  delay: NO_QUANTILES,
  ack: NO_QUANTILES,
  ackWhole: NO_QUANTILES,
  resume: NO_QUANTILES,
} as const;

/** Of the last readers. Their idempotency keys are made of it: under a seed used before, they are refused or given old answers. */
let seed = 0;

export class Readers implements AsyncDisposable {
  readonly pid: number;
  /** All that was counted, mark by mark. */
  readonly taken: ReaderCounts[] = [];
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #isOver = false;

  constructor(options: ReaderOptions) {
    const { hosts, headers = {}, ...rest } = options;
    const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const named = Object.entries({
      ...rest,
      hosts: hosts.map(hostOf).join(','),
      headers: more.join(''),
      seed: ++seed,
    });
    this.#child = spawn(
      join(BUILT, 'readers'),
      named.map(([name, value]) => `${name}=${value}`),
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    this.pid = this.#child.pid!;
    this.#child.stdin!.on('error', () => {});
    this.#lines = createInterface(this.#child.stdout!)[Symbol.asyncIterator]();
  }

  /** All were served, or given up. */
  get areOver(): boolean {
    return this.#isOver;
  }

  /** What was counted since the last one: nothing, once they are over. */
  mark(): Promise<ReaderCounts> {
    return this.#say('mark');
  }

  /** Breaks every stream at once; each is resumed at another host. */
  cut(): void {
    this.#child.stdin!.write('cut\n');
  }

  /** Ends outright what is still open. */
  quit(): Promise<ReaderCounts> {
    return this.#say('quit');
  }

  /** When all are served: what was counted since the last mark. */
  ended(): Promise<ReaderCounts> {
    return this.#next();
  }

  #say(word: string): Promise<ReaderCounts> {
    this.#child.stdin!.write(`${word}\n`);
    return this.#next();
  }

  async #next(): Promise<ReaderCounts> {
    const { value, done } = await this.#lines.next();
    if (done) return await this.#nothingMore();
    const counts = JSON.parse(value) as ReaderCounts;
    this.taken.push(counts);
    return counts;
  }

  async #nothingMore(): Promise<ReaderCounts> {
    const { exitCode, signalCode } = await exited(this.#child);
    if (exitCode !== 0) throw new Error(`The readers of the load test died: ${exitCode ?? signalCode}.`);
    this.#isOver = true;
    return { ...NOTHING, at: performance.now() / 1000 };
  }

  [Symbol.asyncDispose] = () => end(this.#child);
}

const hostOf = (url: string) => new URL(url).host;

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await exited(child);
}

async function exited(child: ChildProcess): Promise<ChildProcess> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child;
}
