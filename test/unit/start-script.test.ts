import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Checkout } from '../support/start-script/checkout.ts';

let checkout: Checkout;
beforeEach(() => {
  checkout = new Checkout();
});
afterEach(() => checkout[Symbol.dispose]());

const PATIENCE = { timeout: 20_000, interval: 20 };
const LEAVE = '--exit=0';

describe('set-up', () => {
  test('a fresh checkout: packages, page, server with its arguments; the second start does nothing twice', async () => {
    expect(await checkout.start(['dead-letters', 'list', '--exit=6']).exited).toBe(6);
    expect(checkout.calls()).toEqual(['npm ci', 'vite', 'server dead-letters list --exit=6']);
    const second = checkout.start([LEAVE]);
    expect(await second.exited).toBe(0);
    expect(checkout.calls()).toEqual([`server ${LEAVE}`]);
    expect(second.output()).toBe(`server ${LEAVE}\n`);
  });

  test('only what is out of date is done again', async () => {
    await checkout.start([LEAVE]).exited;
    checkout.calls();
    checkout.write('src/protocol/errors.ts', 'changed');
    await checkout.start([LEAVE]).exited;
    expect(checkout.calls()).toEqual(['vite', `server ${LEAVE}`]);
    checkout.lock('2.0.0');
    await checkout.start([LEAVE]).exited;
    expect(checkout.calls()).toEqual(['npm ci', 'vite', `server ${LEAVE}`]);
  });

  test('packages that somebody installed by hand are taken as they are', async () => {
    execFileSync('npm', ['ci'], { cwd: checkout.root, env: { PATH: `${checkout.root}/bin` } });
    await checkout.start([LEAVE]).exited;
    expect(checkout.calls()).toEqual(['npm ci', 'vite', `server ${LEAVE}`]);
  });

  test('two starts at once set up once', async () => {
    const runs = [1, 2, 3].map(() => checkout.start([LEAVE], { FAKE_NPM_MS: '1000' }));
    expect(await Promise.all(runs.map(({ exited }) => exited))).toEqual([0, 0, 0]);
    const calls = checkout.calls();
    expect(calls.filter((call) => call === 'npm ci')).toHaveLength(1);
    expect(calls.filter((call) => call === 'vite')).toHaveLength(1);
  });

  test('a killed set-up is taken up again by the next start', async () => {
    const first = checkout.start([LEAVE], { FAKE_NPM_MS: '600000' });
    await vi.waitUntil(() => checkout.exists('node_modules/vite/bin/vite.js'), PATIENCE);
    first.child.kill('SIGKILL');
    const pid = Number(checkout.read('npm.pid'));
    checkout.calls();
    expect(await checkout.start([LEAVE]).exited).toBe(0);
    // The npm of the killed one would have gone on in the same folder.
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(checkout.calls()).toEqual(['npm ci', 'vite', `server ${LEAVE}`]);
  });

  test.each([
    ['npm error code ENOTFOUND', 'The package registry cannot be reached'],
    ['npm error code ENOSPC', 'The disk is full'],
    ['npm error code EACCES', 'cannot be written by this user'],
    ['npm error something else', 'npm ci failed with exit code 1'],
  ])('%s: one line that says what to do, and exit code 8', async (error, line) => {
    const run = checkout.start([LEAVE], { FAKE_NPM_ERROR: error });
    expect(await run.exited).toBe(8);
    const last = run.output().trim().split('\n').at(-1);
    expect(last).toContain(`chatterbot: `);
    expect(last).toContain(line);
    expect(last).toContain('start again');
  });

  test('--help and --version need nothing', async () => {
    const help = checkout.start(['--help']);
    const version = checkout.start(['--version']);
    expect([await help.exited, await version.exited]).toEqual([0, 0]);
    expect([help.output(), version.output()]).toEqual(['the help\n', '1.2.3\n']);
    expect(checkout.calls()).toEqual([]);
  });
});

describe('signals', () => {
  async function running() {
    const run = checkout.start();
    await vi.waitUntil(() => run.output().includes('server\n'), PATIENCE);
    checkout.calls();
    return run;
  }

  test('one press of Ctrl-C reaches the server once, a second press a second time', async () => {
    const { child } = await running();
    // The terminal's, and the one that npm passes on.
    child.kill('SIGINT');
    child.kill('SIGINT');
    await sleep(1000);
    expect(checkout.calls()).toEqual(['SIGINT']);
    child.kill('SIGINT');
    await vi.waitUntil(() => checkout.calls().includes('SIGINT'), PATIENCE);
  });

  test('SIGTERM is passed on and the exit code comes back', async () => {
    const { child, exited } = await running();
    child.kill('SIGTERM');
    expect(await exited).toBe(9);
    expect(checkout.calls()).toEqual(['SIGTERM']);
  });

  test('a killed launcher does not leave its server behind', async () => {
    const { child } = await running();
    child.kill('SIGKILL');
    await vi.waitUntil(() => checkout.calls().includes('alone'), PATIENCE);
  });
});
