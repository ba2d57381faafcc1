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
  refused: Record<string, number>;
  /** From when the question was due to the first text; for `sync` and `async`: to the answer. */
  ttft: Quantiles;
  /** From when the model wrote a token to when it was read. */
  delay: Quantiles;
  ack: Quantiles;
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
  seed?: number;
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

export class Readers implements AsyncDisposable {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(options: ReaderOptions) {
    const { hosts, headers = {}, ...rest } = options;
    const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const named = Object.entries({ ...rest, hosts: hosts.map(hostOf).join(','), headers: more.join('') });
    this.#child = spawn(
      join(BUILT, 'readers'),
      named.map(([name, value]) => `${name}=${value}`),
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    this.pid = this.#child.pid!;
    this.#child.stdin!.on('error', () => {});
    this.#lines = createInterface(this.#child.stdout!)[Symbol.asyncIterator]();
  }

  /** What was counted since the last one. */
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

  /** When all are served. */
  async ended(): Promise<ReaderCounts> {
    return this.#next();
  }

  #say(word: string): Promise<ReaderCounts> {
    this.#child.stdin!.write(`${word}\n`);
    return this.#next();
  }

  async #next(): Promise<ReaderCounts> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('The readers of the load test ended early.');
    return JSON.parse(value) as ReaderCounts;
  }

  [Symbol.asyncDispose] = () => end(this.#child);
}

const hostOf = (url: string) => new URL(url).host;

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
