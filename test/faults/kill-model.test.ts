import { afterAll, beforeAll, expect, test } from 'vitest';
import { EmbeddedServer, eventually } from '../support/embedded-server.ts';
import { isRunning, signal } from '../support/processes.ts';
import { ask, expectWhole, follow, untilState } from './expect-whole.ts';

let server: EmbeddedServer;

beforeAll(async () => {
  server = await EmbeddedServer.start({ ENGINE_PACE_MS: 20, RETRY_DELAY_MS: 100 });
  await server.modelIsReady();
});
afterAll(async () => await server[Symbol.asyncDispose]());

const health = async () => (await server.call('GET', '/health')).json;

async function killModel(): Promise<void> {
  const pid = await server.modelPid();
  signal(pid, 'SIGKILL');
  await eventually('the model is gone', () => !isRunning(pid));
}

test('killed twice in the middle of answers: they go on, and health says so meanwhile', async () => {
  const ids = await Promise.all(['ann', 'bob', 'cyd'].map((user_id) => ask(server, { user_id, max_tokens: 80 })));
  const readers = ids.map((id) => follow(server, id));
  await Promise.all(readers.map((reader) => reader.hasBytes(1)));
  const seen: string[] = [];
  const watching = eventually('degraded, then healthy', async () => {
    const { status, components } = await health();
    if (status !== seen.at(-1)) seen.push(status);
    if (status === 'degraded')
      expect(components).toMatchObject({ ray_serve: 'down', database: 'up', redis: 'up', rabbitmq: 'up' });
    return seen.includes('degraded') && status === 'healthy';
  });
  await killModel();
  await watching;
  await Promise.all(readers.map((reader) => reader.hasBytes(reader.text.length + 20)));
  await killModel();
  for (const [index, id] of ids.entries()) {
    const row = await expectWhole(server, id, [readers[index]!]);
    // Gone on with at once, as the same attempt.
    expect(row.attempts).toBe(1);
    const { receipt } = (await server.call('GET', `/generations/${id}`)).json;
    // What was written before is counted once.
    expect(receipt.tokens.completion).toBe(80);
  }
  await server.modelIsReady();
});

test('killed between the claim and the first token', async () => {
  const pid = await server.modelPid();
  signal(pid, 'SIGSTOP');
  const id = await ask(server, { max_tokens: 10 });
  const reader = follow(server, id);
  await untilState(server, id, 'running');
  await killModel();
  await expectWhole(server, id, [reader]);
});

test('killed at the last token', async () => {
  const id = await ask(server, { user_id: 'dan', max_tokens: 12 });
  const reader = follow(server, id);
  await reader.until(({ receipts }) => receipts.length > 0);
  await killModel();
  await expectWhole(server, id, [reader]);
});

test('past its attempts it ends as interrupted, and is a dead letter that can be replayed beside the running server', async () => {
  await server.end('SIGTERM');
  await server.start({ MAX_ATTEMPTS: 1 });
  await server.modelIsReady();
  const id = await ask(server, { user_id: 'eve', max_tokens: 300 });
  const reader = follow(server, id);
  // Twice it is gone on with at once.
  for (let kills = 0; kills < 3; kills++) {
    await reader.hasBytes(reader.text.length + 10);
    await killModel();
  }
  await reader.until(({ ended }) => ended);
  expect(reader.errors).toEqual([expect.objectContaining({ code: 'answer_interrupted' })]);
  expect(reader.faults).toEqual([]);
  const failed = (await server.call('GET', `/check-response/${id}`)).json;
  expect(failed).toMatchObject({
    status: 'interrupted',
    error: { code: 'answer_interrupted' },
    response: reader.text.toString(),
  });

  await server.modelIsReady();
  const stats = async () => (await server.call('GET', '/debug/queue-stats')).json.dead_letters.message_count;
  expect(await stats()).toBe(1);
  const list = await server.command('dead-letters', 'list');
  expect([list.code, list.err]).toEqual([0, '']);
  expect(list.out).toContain(id);
  expect((await server.command('dead-letters', 'replay', '00000000-0000-7000-8000-000000000000')).code).toBe(2);
  const replay = await server.command('dead-letters', 'replay', id);
  expect([replay.code, replay.err]).toEqual([0, '']);
  await untilState(server, id, 'done');
  const row = await expectWhole(server, id);
  expect(row.text.startsWith(failed.response)).toBe(true);
  expect(await stats()).toBe(0);
  expect((await server.command('dead-letters', 'list')).out).toBe('');
});
