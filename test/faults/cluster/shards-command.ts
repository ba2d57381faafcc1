import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { World } from './world.ts';

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
const LOOK_MS = 2;

/** `chatterbot shards …`, to its end. */
export async function runShards(world: World, ...args: readonly string[]): Promise<void> {
  const child = start(world, args);
  const said: string[] = [];
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (part) => said.push(String(part)));
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`shards ${args.join(' ')} ended with ${code}: ${said.join('')}`);
}

/** The same, killed as soon as a user is seen on the move; false where it had moved them all before. */
export async function killShards(world: World, ...args: readonly string[]): Promise<boolean> {
  const directory = new pg.Client({ connectionString: world.part('shard-1').spec.address! });
  await directory.connect();
  const child = start(world, args);
  child.stdout!.resume();
  child.stderr!.resume();
  const gone = once(child, 'exit');
  try {
    while (child.exitCode === null) {
      const { rowCount } = await directory.query('SELECT FROM user_moves LIMIT 1');
      if (rowCount) return child.kill('SIGKILL');
      await sleep(LOOK_MS);
    }
    return false;
  } finally {
    await gone;
    await directory.end();
  }
}

function start(world: World, args: readonly string[]): ChildProcess {
  const env = { PATH: process.env.PATH, DATABASE_URLS: world.cluster.settings.DATABASE_URLS };
  return spawn(process.execPath, [MAIN, 'shards', ...args], {
    cwd: world.cluster.folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
