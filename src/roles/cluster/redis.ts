import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Part } from './part.ts';

const ANSWER_TIMEOUT_MS = 2_000;

/** `state` refuses what does not fit and writes an append-only file; `cache` evicts and keeps nothing. */
export async function prepareRedis(role: 'state' | 'cache', folder: string, port: number): Promise<Part> {
  const name = `redis-${role}`;
  const at = join(folder, name);
  await mkdir(at, { recursive: true });
  const keeping =
    role === 'state'
      ? ['--maxmemory-policy', 'noeviction', '--appendonly', 'yes', '--appendfsync', 'everysec']
      : ['--maxmemory-policy', 'allkeys-lru', '--appendonly', 'no'];
  return new Part({
    name,
    kind: 'redis',
    address: `redis://127.0.0.1:${port}`,
    command: [
      'redis-server',
      ...['--bind', '127.0.0.1', '--port', `${port}`, '--dir', at, '--save', '', '--daemonize', 'no'],
      ...['--maxmemory', '256mb', '--protected-mode', 'no', ...keeping],
    ],
    log: join(at, 'log'),
    pidFile: join(at, 'pid'),
    stopSignal: 'SIGTERM',
    stopWithinMs: 5_000,
    isReady: () => answersPing(port),
  });
}

/** False while it loads its file: it then answers something else. */
function answersPing(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
  socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy());
  socket.once('data', (answer) => {
    resolve(answer.toString() === '+PONG\r\n');
    socket.destroy();
  });
  socket.once('error', () => {});
  socket.once('close', () => resolve(false));
  return promise;
}
