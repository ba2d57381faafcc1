import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockFolder } from '../../src/lib/folder-lock.ts';
import { identityOf } from '../../src/lib/process-identity.ts';

const HOLDER = fileURLToPath(new URL('../support/hold-lock.ts', import.meta.url));
const NAME = 'chatterbot.lock';
let folder: string;
let children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chatterbot-lock-'));
});
afterEach(async () => {
  for (const child of children) await kill(child);
  children = [];
  rmSync(folder, { recursive: true, force: true });
});

/** A process that tries for the lock, and what it said. */
async function contend(): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, [HOLDER, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const [line] = (await once(child.stdout!, 'data')) as [Buffer];
  return { child, said: line.toString().trim() };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

test('a second process is refused and told the pid of the first', async () => {
  const first = await contend();
  const second = await contend();
  expect([first.said, second.said]).toEqual(['held', `refused ${first.child.pid}`]);
});

test('given back at the end, nothing is left in the folder', async () => {
  const { child } = await contend();
  child.stdin!.end();
  await once(child, 'exit');
  expect(readdirSync(folder)).toEqual([]);
});

test('left by a killed process: exactly one of many takes it over', async () => {
  for (let round = 0; round < 3; round++) {
    const first = await contend();
    expect(first.said).toBe('held');
    await kill(first.child);
    const said = (await Promise.all(Array.from({ length: 6 }, contend))).map((contender) => contender.said);
    expect(said.filter((line) => line === 'held')).toHaveLength(1);
    const holder = JSON.parse(readFileSync(join(folder, NAME), 'utf8')) as { pid: number };
    expect(said.filter((line) => line !== 'held')).toEqual(Array(5).fill(`refused ${holder.pid}`));
    for (const child of children) await kill(child);
  }
});

test('a crash in the middle of a takeover is taken over too', async () => {
  const dead = await contend();
  await kill(dead.child);
  const { nonce } = JSON.parse(readFileSync(join(folder, NAME), 'utf8')) as { nonce: string };
  const alsoDead = { ...identityOf(process.pid)!, started: 'long ago', nonce: 'x' };
  writeFileSync(join(folder, `${NAME}.after-${nonce}`), JSON.stringify(alsoDead));
  expect((await contend()).said).toBe('held');
});

test('another process with the pid of the holder does not count', async () => {
  const reused = { ...identityOf(process.pid)!, started: 'long ago', nonce: 'x' };
  writeFileSync(join(folder, NAME), JSON.stringify(reused));
  await using _lock = await lockFolder(folder, NAME);
  expect((await contend()).said).toBe(`refused ${process.pid}`);
});

test('a file that a crash has cut short is nobody’s', async () => {
  writeFileSync(join(folder, NAME), '{"pid":');
  await using _lock = await lockFolder(folder, NAME);
  expect(JSON.parse(readFileSync(join(folder, NAME), 'utf8'))).toMatchObject({ pid: process.pid });
});

test('a holder in another container is known by its touch', async () => {
  const foreign = { ...identityOf(process.pid)!, place: 'elsewhere', nonce: 'x' };
  writeFileSync(join(folder, NAME), JSON.stringify(foreign));
  const touch = setInterval(() => writeFileSync(join(folder, NAME), JSON.stringify(foreign)), 200);
  await expect(lockFolder(folder, NAME)).rejects.toThrow('in another container');
  clearInterval(touch);
  await using _lock = await lockFolder(folder, NAME);
});
