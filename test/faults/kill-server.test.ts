import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EmbeddedServer, eventually } from '../support/embedded-server.ts';
import { isRunning, signal } from '../support/processes.ts';
import { ask, expectWhole, follow, holdUser, stateOf, untilState } from './expect-whole.ts';

let server: EmbeddedServer;

beforeAll(async () => {
  server = await EmbeddedServer.start({ ENGINE_PACE_MS: 20 });
  await server.modelIsReady();
});
afterAll(async () => await server[Symbol.asyncDispose]());

/** Kills it outright and starts it again; nothing of the dead one is left behind. */
async function killAndStart(): Promise<void> {
  const model = await server.modelPid();
  const postmasters = server.postmasters();
  expect(postmasters).toHaveLength(1);
  await server.kill();
  await server.start();
  await eventually('its model is gone', () => !isRunning(model));
  expect(server.postmasters()).toHaveLength(1);
  expect(server.postmasters()).not.toEqual(postmasters);
}

test('killed after the acknowledgement, while queued, and in the middle of answers, three times in a row', async () => {
  const first = await ask(server, { user_id: 'ann', max_tokens: 90 });
  const { conversation } = (await server.call('GET', `/generations/${first}`)).json;
  const queued = await ask(server, { user_id: 'ann', max_tokens: 20, conversation_id: conversation });
  const beside = await ask(server, { user_id: 'bob', max_tokens: 60 });
  const readers = [first, queued, beside].map((id) => follow(server, id));
  const [one, behind, other] = readers as [(typeof readers)[0], (typeof readers)[0], (typeof readers)[0]];
  await Promise.all([one.hasBytes(1), other.hasBytes(40)]);
  expect(await stateOf(server, queued)).toBe('queued');
  const acknowledged = await ask(server, { user_id: 'cyd', max_tokens: 20 });
  await killAndStart();

  await one.hasBytes(one.text.length + 40);
  await killAndStart();

  await one.hasBytes(one.text.length + 1);
  await killAndStart();

  const row = await expectWhole(server, first, [one]);
  expect(row.takeovers).toBeGreaterThan(0);
  await expectWhole(server, queued, [behind]);
  await expectWhole(server, beside, [other]);
  await expectWhole(server, acknowledged);
});

test('killed between the claim and the first token', async () => {
  const model = await server.modelPid();
  signal(model, 'SIGSTOP');
  const id = await ask(server, { max_tokens: 10 });
  const reader = follow(server, id);
  await untilState(server, id, 'running');
  await server.kill();
  signal(model, 'SIGCONT');
  await server.start();
  await eventually('its model is gone', () => !isRunning(model));
  await expectWhole(server, id, [reader]);
});

test('killed with the whole answer logged and its storing under way', async () => {
  const id = await ask(server, { max_tokens: 15 });
  const reader = follow(server, id);
  await reader.hasBytes(1);
  await using held = await holdUser(server, id);
  await held.blocked();
  const logged = reader.text.toString();
  expect(reader.receipts).toEqual([]);
  await server.kill();
  await server.start();
  const row = await expectWhole(server, id, [reader]);
  expect(row.text).toBe(logged);
});

test('killed at the very end, as a reader hears of it', async () => {
  const id = await ask(server, { max_tokens: 10 });
  const reader = follow(server, id);
  await reader.until(({ receipts }) => receipts.length > 0);
  await killAndStart();
  await expectWhole(server, id, [reader]);
});

test('killed between the storing of an answer and the closing of its log', async () => {
  const id = await ask(server, { max_tokens: 30 });
  const reader = follow(server, id);
  await reader.hasBytes(10);
  reader.leave();
  await untilState(server, id, 'done');
  await server.kill();
  const record = join(server.dataDir, 'token-log', `${id}.record`);
  const lines = (await readFile(record, 'utf8')).trimEnd().split('\n');
  expect(JSON.parse(lines.pop()!)).toMatchObject({ closed: true });
  await writeFile(record, `${lines.join('\n')}\n`);
  // A reader that only silence tells of the end would have none.
  await server.start({ FOLLOW_WATCHDOG_MS: 3_600_000 });
  await reader.follow();
  await expectWhole(server, id, [reader]);
  const { response_queue } = (await server.call('GET', '/debug/queue-stats')).json;
  expect(response_queue.message_count).toBe(0);
});

test('a request repeated across a kill is one generation; a stop survives one', async () => {
  const key = { 'idempotency-key': 'repeated' };
  const body = { user_id: 'ida', max_tokens: 40 };
  const id = await ask(server, body, key);
  const running = await ask(server, { user_id: 'stu', max_tokens: 900 });
  const { conversation } = (await server.call('GET', `/generations/${running}`)).json;
  const queued = await ask(server, { user_id: 'stu', max_tokens: 20, conversation_id: conversation });
  const reader = follow(server, running);
  await reader.hasBytes(20);
  expect((await server.call('POST', `/generations/${queued}/stop`)).json.state).toBe('cancelled');
  // Marked, and not obeyed: the model does not get to it.
  await markToStop(running);
  await killAndStart();

  expect(await ask(server, body, key)).toBe(id);
  await expectWhole(server, id);
  const twin = await server.call('POST', '/stream-chat', { body: { ...body, message: 'Another.' }, headers: key });
  expect([twin.status, twin.json.error.code]).toEqual([422, 'idempotency_conflict']);

  await reader.until(({ ended }) => ended);
  expect(reader.faults).toEqual([]);
  for (const stopped of [running, queued]) await untilState(server, stopped, 'cancelled');
  const kept = (await server.call('GET', `/check-response/${running}`)).json;
  expect(kept.status).toBe('stopped');
  expect(kept.response).toBe(reader.text.toString());
  expect(kept.response.length).toBeGreaterThanOrEqual(20);
  expect((await server.call('GET', `/check-response/${queued}`)).json).toMatchObject({
    status: 'stopped',
    response: '',
  });
});

/** As a stop leaves it whose process died before its owner heard of it. */
async function markToStop(id: string): Promise<void> {
  await server.sql('UPDATE generations SET stop_requested = true WHERE id = $1', [id]);
}
