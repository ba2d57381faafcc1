import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { connect } from 'amqplib';
import { Part } from './part.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const NODE = 'chatterbot@localhost';

/**
 * One node with its own port mapper, cookie and ports. Without them it would share those of a RabbitMQ that
 * runs on this machine, and stop with it.
 */
export async function prepareRabbitMq(
  server: string,
  folder: string,
  ports: { mapper: number; broker: number; distribution: number },
): Promise<{ mapper: Part; broker: Part; uri: string }> {
  const at = join(folder, 'rabbitmq');
  const home = join(at, 'home');
  const file = (name: string) => join(at, name);
  await mkdir(join(at, 'mnesia'), { recursive: true });
  await mkdir(home, { recursive: true });
  const cookie = join(home, '.erlang.cookie');
  if (!(await exists(cookie))) await writeFile(cookie, randomBytes(16).toString('hex'), { mode: 0o400 });
  await writeFile(file('enabled_plugins'), '[].');
  await writeFile(file('rabbitmq.conf'), CONFIGURATION);
  const env = { ...process.env, HOME: home, ERL_EPMD_PORT: `${ports.mapper}`, ERL_EPMD_ADDRESS: '127.0.0.1' };
  const uri = `amqp://guest:guest@127.0.0.1:${ports.broker}`;
  const mapper = new Part({
    name: 'epmd',
    kind: 'epmd',
    address: null,
    command: ['epmd', '-port', `${ports.mapper}`, '-address', '127.0.0.1'],
    env,
    log: join(folder, 'epmd', 'log'),
    pidFile: join(folder, 'epmd', 'pid'),
    stopSignal: 'SIGKILL',
    stopWithinMs: 2_000,
    isReady: () => listens(ports.mapper),
  });
  const broker = new Part({
    name: 'rabbitmq',
    kind: 'rabbitmq',
    address: uri,
    command: [join(server, 'rabbitmq-server')],
    env: {
      ...env,
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: `${ports.broker}`,
      RABBITMQ_DIST_PORT: `${ports.distribution}`,
      RABBITMQ_NODENAME: NODE,
      RABBITMQ_MNESIA_BASE: file('mnesia'),
      RABBITMQ_LOG_BASE: file('logs'),
      RABBITMQ_CONFIG_FILE: file('rabbitmq.conf'),
      RABBITMQ_ENABLED_PLUGINS_FILE: file('enabled_plugins'),
      RABBITMQ_PID_FILE: file('server-pid'),
      // One scheduler that does not spin: quiet on a small machine.
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1 +sbwt none',
    },
    log: file('log'),
    pidFile: file('pid'),
    ownPidFile: file('server-pid'),
    stopSignal: 'SIGTERM',
    stopWithinMs: 10_000,
    isReady: () => takesConnections(uri),
  });
  return { mapper, broker, uri };
}

const CONFIGURATION = `
distribution.listener.interface = 127.0.0.1
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 100MB
log.file.level = warning
`;

/** Not the wrappers on the PATH: on Debian they switch user, and with it the cookie. */
export function rabbitMqFolder(): string | null {
  const roots = [
    '/usr/lib/rabbitmq/lib',
    '/opt/homebrew/opt/rabbitmq',
    '/usr/local/opt/rabbitmq',
    '/usr/local/lib/rabbitmq',
  ];
  const found = roots
    .filter((root) => existsSync(root))
    .flatMap((root) => [root, ...readdirSync(root).map((name) => join(root, name))])
    .map((root) => join(root, 'sbin'));
  return found.find((sbin) => existsSync(join(sbin, 'rabbitmq-server'))) ?? null;
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

function listens(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connectSocket(port, '127.0.0.1', () => {
    resolve(true);
    socket.destroy();
  }).once('error', () => resolve(false));
  return promise;
}

async function takesConnections(uri: string): Promise<boolean> {
  const connection = await connect(uri, { timeout: CONNECT_TIMEOUT_MS });
  connection.on('error', () => {});
  await connection.close();
  return true;
}
