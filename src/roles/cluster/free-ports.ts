import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** Below those that systems give to outgoing connections: a server that is away for a moment finds its own free again. */
const FIRST = 20_000;
const LAST = 32_000;
/** How long nobody else is given a port, so that a server has the time to take it. */
const RESERVED_MS = 60_000;
const MOST_TRIES = 10_000;
const FOLDER = join(tmpdir(), `chatterbot-ports-${userInfo().username}`);

/** Ports of 127.0.0.1 that nobody has now, and that no other process gets from here within a minute. */
export async function freePorts(count: number): Promise<number[]> {
  await mkdir(FOLDER, { recursive: true });
  await forgetOld();
  const ports: number[] = [];
  for (let tries = 0; ports.length < count; tries++) {
    if (tries === MOST_TRIES) throw new Error(`no ${count} ports from ${FIRST} to ${LAST} are free`);
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1));
    if ((await reserve(port)) && (await isFree(port))) ports.push(port);
  }
  return ports;
}

async function reserve(port: number): Promise<boolean> {
  return await writeFile(join(FOLDER, String(port)), '', { flag: 'wx' }).then(
    () => true,
    () => false,
  );
}

async function forgetOld(): Promise<void> {
  for (const name of await readdir(FOLDER)) {
    const file = join(FOLDER, name);
    const since = await stat(file).catch(() => null);
    if (since && Date.now() - since.mtimeMs > RESERVED_MS) await rm(file, { force: true });
  }
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
