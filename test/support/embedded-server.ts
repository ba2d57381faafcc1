import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { localConnection } from '../../src/adapters/postgres/local-connection.ts';
import { type CallOptions, call, type Reply } from './http-client.ts';
import { descendants, type ProcessInfo, processes, signal } from './processes.ts';
import { endlessModelPath } from './tiny-model.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const KEY = 'faults-key-0123456789';
const READY = 'ChatterBot is ready.';
const POLL_MS = 15;
const PATIENCE_MS = 30_000;

export type Settings = Record<string, string | number>;
export type Exit = { code: number | null; signal: NodeJS.Signals | null };

/** Resolves with the first value that is not false, null or undefined. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | false | null | undefined> | T | false | null | undefined,
): Promise<T> {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found !== false && found !== null && found !== undefined) return found;
    if (Date.now() > until) throw new Error(`waited in vain: ${what}`);
    await sleep(POLL_MS);
  }
}

/**
 * A data folder of its own and the real server on it, process by process: it may be killed and started
 * again at the same address. Disposed of, everything that it started is gone.
 */
export class EmbeddedServer implements AsyncDisposable {
  readonly dataDir: string;
  readonly key = KEY;
  settings: Settings;
  #folder: string;
  #child: ChildProcess | null = null;
  #output = '';
  #port = 0;

  private constructor(folder: string, settings: Settings) {
    this.#folder = folder;
    this.dataDir = join(folder, 'data');
    this.settings = settings;
  }

  /** `settings`: environment variables beside those that every test server has. */
  static async start(settings: Settings = {}): Promise<EmbeddedServer> {
    const folder = await mkdtemp(join(tmpdir(), 'cb-e-'));
    // Where the tests run as root, PostgreSQL runs as somebody else.
    await chmod(folder, 0o755);
    const server = new EmbeddedServer(folder, settings);
    try {
      await server.start();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  /** Standard output and error of the process that runs now, or ran last. */
  get output(): string {
    return this.#output;
  }

  /** Starts a process on the folder, at the address of the one before. `settings` stay for later starts. */
  async start(settings: Settings = {}): Promise<void> {
    this.settings = { ...this.settings, ...settings };
    const child = spawn(process.execPath, [MAIN], {
      cwd: this.#folder,
      env: await this.environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
    await eventually('the server is ready', () => {
      if (hasExited(child)) throw new Error(`the server ended at its start:\n${this.#output}`);
      return this.#output.includes(READY) && this.#output.includes('Ctrl-C');
    });
    this.#port = Number(/Address +http:\/\/127\.0\.0\.1:(\d+)/.exec(this.#output)![1]);
  }

  /** Of the server, and of commands beside it. */
  async environment(): Promise<NodeJS.ProcessEnv> {
    const settings = {
      PORT: this.#port,
      DATA_DIR: this.dataDir,
      MODEL: await endlessModelPath(),
      API_KEYS: `default:${KEY}`,
      LOG_FORMAT: 'json',
      ...this.settings,
    };
    const environment = Object.entries(settings).map(([name, value]) => [name, String(value)]);
    return { PATH: process.env.PATH, ...Object.fromEntries(environment) };
  }

  /** A command of the same program on the same folder, to its end. */
  async command(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const env = await this.environment();
    return await new Promise((resolve) => {
      execFile(process.execPath, [MAIN, ...args], { cwd: this.#folder, env }, (error, out, err) => {
        resolve({ code: error ? Number(error.code) : 0, out, err });
      });
    });
  }

  call(method: string, path: string, options: CallOptions = {}): Promise<Reply> {
    return call(this.url, method, path, { key: KEY, ...options });
  }

  /** Resolves when the process is gone. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  async end(name: NodeJS.Signals): Promise<Exit> {
    const child = this.#child!;
    signal(this.pid, name);
    return await this.exit(child);
  }

  async exit(child: ChildProcess = this.#child!): Promise<Exit> {
    if (!hasExited(child)) await once(child, 'exit');
    return { code: child.exitCode, signal: child.signalCode };
  }

  /** The process that holds the model. */
  async modelPid(): Promise<number> {
    const isModel = ({ command }: ProcessInfo) => command.includes('engine-child');
    return await eventually('the model has a process', () => descendants(this.pid).find(isModel)?.pid);
  }

  /** PostgreSQL's first process, under whichever parent; a child of its own has its name for a moment. */
  postmasters(): number[] {
    const serves = ({ command }: ProcessInfo) =>
      /^\S*postgres -D (\S+) /.exec(command)?.[1]?.startsWith(this.dataDir) ?? false;
    const all = processes().filter(serves);
    return all.filter(({ parent }) => !all.some(({ pid }) => pid === parent)).map(({ pid }) => pid);
  }

  async modelIsReady(): Promise<void> {
    await eventually('the model is loaded', async () => (await this.call('GET', '/health')).json?.status === 'healthy');
  }

  /** One statement on the server's PostgreSQL, as an operator would. */
  async sql<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
    const client = await this.connect();
    try {
      return (await client.query<Row>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  async connect(): Promise<pg.Client> {
    const client = new pg.Client(await localConnection(this.dataDir));
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child && !hasExited(this.#child)) {
      const children = descendants(this.pid);
      await this.kill();
      await eventually(
        'its children end',
        () =>
          !children.some(({ pid, command }) =>
            processes().some((each) => each.pid === pid && each.command === command),
          ),
      );
    }
    await eventually('its PostgreSQL ends', () => this.postmasters().length === 0);
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
