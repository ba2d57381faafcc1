import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ExitError } from '../../config/exit-codes.ts';
import { rabbitMqFolder } from './rabbitmq.ts';

/** A package of Debian and of Homebrew, and whether what it brings is there. */
export type Installable = { title: string; package: string; brew: string; isThere: () => boolean };

const SERVERS: Record<'rabbitmq' | 'redis' | 'nginx', Installable> = {
  rabbitmq: {
    title: 'RabbitMQ',
    package: 'rabbitmq-server',
    brew: 'rabbitmq',
    isThere: () => rabbitMqFolder() !== null && findProgram('epmd') !== null,
  },
  redis: {
    title: 'Redis',
    package: 'redis-server',
    brew: 'redis',
    isThere: () => findProgram('redis-server') !== null,
  },
  nginx: { title: 'NGINX', package: 'nginx', brew: 'nginx', isThere: () => findProgram('nginx') !== null },
};

/** Also where only root looks. */
const FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'];

export function findProgram(name: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...FOLDERS];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}

/** What a cluster is made of. PostgreSQL comes with the packages. */
export async function ensureServers(nginx: boolean, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  const { rabbitmq, redis, nginx: proxy } = SERVERS;
  await ensureInstalled(nginx ? [rabbitmq, redis, proxy] : [rabbitmq, redis], say, signal);
}

/** Installs what is missing where that may be (Debian, as root); else says how. */
export async function ensureInstalled(
  wanted: readonly Installable[],
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const missing = () => wanted.filter((server) => !server.isThere());
  const first = missing();
  if (first.length === 0) return;
  const titles = first.map(({ title }) => title).join(', ');
  if (process.getuid?.() === 0 && findProgram('apt-get') !== null) {
    say(`${titles}: not installed; installing with apt-get …`);
    await aptGet(['update'], signal);
    await aptGet(['install', '-y', '--no-install-recommends', ...first.map((server) => server.package)], signal);
  }
  const still = missing();
  if (still.length === 0) return;
  const command =
    process.platform === 'darwin'
      ? `brew install ${still.map(({ brew }) => brew).join(' ')}`
      : `sudo apt-get install ${still.map((server) => server.package).join(' ')}`;
  throw new ExitError(
    'setup',
    `${still.map(({ title }) => title).join(', ')}: not installed. Install with: ${command}`,
  );
}

/** Debian starts a server that it installs; the cluster has its own, so that is held off where it can be. */
async function aptGet(args: readonly string[], signal: AbortSignal): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const child = spawn('apt-get', args, { stdio: ['ignore', 'ignore', 'inherit'], env, signal });
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => resolve());
  });
}
