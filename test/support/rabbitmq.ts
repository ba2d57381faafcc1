import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { connect } from 'amqplib';
import { killGroup } from '../../src/lib/kill-group.ts';
import { freePorts } from '../../src/roles/cluster/free-ports.ts';

/** A node of a real RabbitMQ; `uri` stays the same over restarts. */
export interface RabbitMqNode {
  readonly uri: string;
  /** `host:port` */
  readonly address: string;
  /** Of the Erlang process, while it runs. */
  pid(): Promise<number>;
  kill(): Promise<void>;
  /** Resolves when it takes connections. */
  start(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
}

/** One node, or a cluster, in a temporary folder with ports, cookie and port mapper of its own. */
export interface TestRabbitMq extends AsyncDisposable {
  readonly nodes: readonly RabbitMqNode[];
  /** All nodes in one address. */
  readonly uri: string;
  /** The server's own command line tool, spoken to the first node that runs. */
  control(...args: string[]): Promise<string>;
}

export async function startTestRabbitMq({ nodes: count = 1 } = {}): Promise<TestRabbitMq> {
  const folder = await mkdtemp(path.join(tmpdir(), 'cb-mq-'));
  const home = path.join(folder, 'home');
  await mkdir(home);
  await writeFile(path.join(home, '.erlang.cookie'), randomBytes(16).toString('hex'), { mode: 0o400 });
  const [mapperPort = 0, ...ports] = await freePorts(1 + 2 * count);
  const environment = { ...process.env, HOME: home, ERL_EPMD_PORT: `${mapperPort}`, ERL_EPMD_ADDRESS: '127.0.0.1' };
  const mapper = spawn('epmd', ['-port', `${mapperPort}`, '-address', '127.0.0.1'], {
    stdio: 'ignore',
    env: environment,
  });
  // Without it every node would start one as a daemon, which outlives the test.
  await untilListening(mapperPort);
  const names = Array.from({ length: count }, (_, n) => `cb${process.pid}-${mapperPort}-${n + 1}@localhost`);
  const nodes = names.map((name, n) => {
    const [port = 0, distributionPort = 0] = ports.slice(2 * n);
    return new Node({ name, names, port, distributionPort, folder: path.join(folder, `node${n + 1}`), environment });
  });
  const running: TestRabbitMq = {
    nodes,
    uri: `amqp://guest:guest@${nodes.map(({ address }) => address).join(',')}`,
    control: async (...args) => {
      const node = nodes.find(({ running }) => running) ?? nodes[0]!;
      return runControl(node.name, environment, args);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map((node) => node.kill()));
      mapper.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    await Promise.all(nodes.map((node) => node.start()));
    if (count > 1) await running.control('await_online_nodes', `${count}`);
    return running;
  } catch (error) {
    await running[Symbol.asyncDispose]();
    throw error;
  }
}

type NodeOptions = {
  name: string;
  names: readonly string[];
  port: number;
  distributionPort: number;
  folder: string;
  environment: NodeJS.ProcessEnv;
};

class Node implements RabbitMqNode {
  readonly name: string;
  readonly address: string;
  readonly uri: string;
  readonly #options: NodeOptions;
  #process: ChildProcess | null = null;

  constructor(options: NodeOptions) {
    this.name = options.name;
    this.address = `127.0.0.1:${options.port}`;
    this.uri = `amqp://guest:guest@${this.address}`;
    this.#options = options;
  }

  get running(): boolean {
    return this.#process !== null;
  }

  async pid(): Promise<number> {
    return Number(await readFile(path.join(this.#options.folder, 'pid'), 'utf8'));
  }

  async start(): Promise<void> {
    const { folder, names, port, distributionPort, name, environment } = this.#options;
    const at = (file: string) => path.join(folder, file);
    await mkdir(at('mnesia'), { recursive: true });
    await writeFile(at('enabled_plugins'), '[].');
    await writeFile(at('rabbitmq.conf'), configuration(names));
    const started = spawn(path.join(serverFolder(), 'rabbitmq-server'), {
      // A group of its own: the shell, the Erlang process and its helpers go together.
      detached: true,
      stdio: 'ignore',
      env: {
        ...environment,
        RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
        RABBITMQ_NODE_PORT: `${port}`,
        RABBITMQ_DIST_PORT: `${distributionPort}`,
        RABBITMQ_NODENAME: name,
        RABBITMQ_MNESIA_BASE: at('mnesia'),
        RABBITMQ_LOG_BASE: at('log'),
        RABBITMQ_CONFIG_FILE: at('rabbitmq.conf'),
        RABBITMQ_ENABLED_PLUGINS_FILE: at('enabled_plugins'),
        RABBITMQ_PID_FILE: at('pid'),
        // One scheduler that does not spin: idle nodes are quiet on a small machine.
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1 +sbwt none',
      },
    });
    this.#process = started;
    const ended = new Promise<never>((_, reject) => {
      started.once('error', reject);
      started.once('exit', () => reject(new Error(`RabbitMQ ended; its log is in ${at('log')}`)));
    });
    ended.catch(() => undefined);
    await Promise.race([untilServing(this.uri), ended]);
  }

  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = null;
    if (!running?.pid || running.exitCode !== null) return;
    const ended = new Promise((resolve) => running.once('exit', resolve));
    // The launcher's death alone does not say that the server has given its port back.
    await Promise.all([killGroup(running.pid), ended]);
  }

  async pause(): Promise<void> {
    process.kill(await this.pid(), 'SIGSTOP');
  }

  async resume(): Promise<void> {
    process.kill(await this.pid(), 'SIGCONT');
  }
}

function configuration(names: readonly string[]): string {
  const peers = names.map((name, n) => `cluster_formation.classic_config.nodes.${n + 1} = ${name}`);
  return [
    'distribution.listener.interface = 127.0.0.1',
    'cluster_formation.peer_discovery_backend = classic_config',
    ...peers,
    'vm_memory_high_watermark.absolute = 512MB',
    'disk_free_limit.absolute = 100MB',
    'log.file.level = warning',
    '',
  ].join('\n');
}

/** Not the wrappers on the PATH: on Debian they switch user, and with it the cookie. */
function serverFolder(): string {
  const found = ['/usr/lib/rabbitmq/lib', '/opt/homebrew/opt/rabbitmq', '/usr/local/lib/rabbitmq'].flatMap((root) =>
    existsSync(root) ? [root, ...readdirSync(root).map((name) => path.join(root, name))] : [],
  );
  const folder = found
    .map((root) => path.join(root, 'sbin'))
    .find((sbin) => existsSync(path.join(sbin, 'rabbitmq-server')));
  if (!folder) throw new Error('These tests need RabbitMQ: apt-get install rabbitmq-server');
  return folder;
}

async function runControl(name: string, environment: NodeJS.ProcessEnv, args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(path.join(serverFolder(), 'rabbitmqctl'), ['-n', name, ...args], {
    env: environment,
  });
  return stdout;
}

async function untilServing(uri: string): Promise<void> {
  for (;;) {
    try {
      const connection = await connect(uri, { timeout: 5000 });
      connection.on('error', () => undefined);
      await connection.close();
      return;
    } catch {
      await sleep(100);
    }
  }
}

async function untilListening(port: number): Promise<void> {
  for (;;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connectSocket(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (open) return;
    await sleep(20);
  }
}
