import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../support/cluster.ts';
import { startFakeUpstream } from '../support/fake-upstream.ts';
import { call } from '../support/http-client.ts';
import { isRunning } from '../support/processes.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

type Described = {
  address: string;
  key: string;
  folder: string;
  pid: number;
  parts: { name: string; address: string | null; pid: number; log: string }[];
};

let child: ChildProcess | null = null;
afterEach(() => void child?.kill('SIGKILL'));

function run(...args: string[]) {
  const started = spawn(process.execPath, [MAIN, 'cluster', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  child = started;
  const output = { out: '', err: '' };
  const keep = (name: 'out' | 'err') => (text: string) => {
    output[name] += text;
  };
  started.stdout.setEncoding('utf8').on('data', keep('out'));
  started.stderr.setEncoding('utf8').on('data', keep('err'));
  return { started, output };
}

describe('the cluster command', () => {
  test('--json is one line; killed outright, everything that it started ends', { timeout: 180_000 }, async () => {
    await using upstream = await startFakeUpstream({ length: 10 });
    const { started, output } = run(
      ...['--json', '--apis', '1', '--workers', '1', '--port', '0', '--no-nginx', '--inference-url', upstream.url],
    );
    await eventually('it is ready', () => {
      if (started.exitCode !== null) throw new Error(output.err);
      return output.out.endsWith('\n');
    });
    const cluster = JSON.parse(output.out) as Described;
    expect(cluster.parts.map(({ name }) => name)).toEqual([
      ...[
        'epmd',
        'shard-1',
        'shard-2',
        'rabbitmq',
        'redis-state',
        'redis-cache',
        'shard-1-replica',
        'api-1',
        'worker-1',
      ],
    ]);
    for (const { pid, log } of cluster.parts) expect([isRunning(pid), existsSync(log)]).toEqual([true, true]);
    const body = { user_id: 'ada', message: 'hello', max_tokens: 10 };
    const reply = await call(cluster.address, 'POST', '/chat', { key: cluster.key, body });
    expect(reply.status).toBe(200);

    started.kill('SIGKILL');
    await once(started, 'exit');
    await eventually('its parts end', () => !cluster.parts.some(({ pid }) => isRunning(pid)));
    await rm(cluster.folder, { recursive: true, force: true });
  });

  test.each([
    [['--apis', '0'], '--apis: "0" is not a whole number from 1 to 16'],
    [['--port=high'], '--port: "high" is not a whole number'],
    [['--wrong'], "Unknown option '--wrong'"],
  ])('%j is refused', async (args, message) => {
    const { started, output } = run(...args);
    const [code] = await once(started, 'close');
    expect([code, output.err]).toEqual([2, expect.stringContaining(message)]);
  });

  test('--help', async () => {
    const { started, output } = run('--help');
    expect(await once(started, 'close')).toEqual([0, null]);
    expect(output.out).toContain('--inference-url');
  });
});
