import { randomUUID } from 'node:crypto';
import { createClient } from '@redis/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Part } from '../../src/roles/cluster/part.ts';
import { AnswerReader } from '../support/answer-reader.ts';
import { eventually, startTestCluster, type TestCluster } from '../support/cluster.ts';
import { clientOf, metricOf, ownerName, question } from '../support/cluster-client.ts';
import { answerText } from '../support/fake-upstream.ts';
import { clockOff } from '../support/faketime.ts';
import { call } from '../support/http-client.ts';

const OFF = 30;
const LENGTH = 200;
const LEASE_MS = 3_000;
const TOKEN_LOG_TTL = 20;
const CHATS_PER_MINUTE = 20;

/** Machines whose clocks are off by far more than a lease, a log's life and a limit's window allow. */
let cluster: TestCluster;
let client: ReturnType<typeof clientOf>;
let late: Part;
let ahead: Part;
let right: Part;
const SETTINGS = {
  LEASE_MS: String(LEASE_MS),
  TOKEN_LOG_TTL: String(TOKEN_LOG_TTL),
  RATE_LIMIT_CHAT_PER_MINUTE: String(CHATS_PER_MINUTE),
};
beforeAll(async () => {
  cluster = await startTestCluster({
    apis: 1,
    workers: 0,
    nginx: false,
    upstream: { length: LENGTH, paceMs: 25 },
    settings: SETTINGS,
  });
  client = clientOf(cluster);
  [late, ahead, right] = await Promise.all([
    client.join('api', { ...clockOff(-OFF), API_REPLICAS: '2' }),
    client.join('worker', clockOff(OFF)),
    client.join('worker'),
  ]);
}, 180_000);
afterAll(async () => {
  await Promise.all([late, ahead, right].map((part) => part?.stop()));
  await cluster?.[Symbol.asyncDispose]();
}, 60_000);

const doors = () => [cluster.apis[0]!, late.spec.address!] as [string, string];
const servers = () => [...doors(), ahead.spec.address!, right.spec.address!];
const count = (name: string) => metricOf(servers(), cluster.key, name);

test('their clocks are what they are said to be', async () => {
  const clocks = await Promise.all(
    servers().map(async (at) => (await call(at, 'GET', '/health', { key: cluster.key })).json.timestamp as number),
  );
  const [zero, minus, plus] = clocks as [number, number, number];
  expect(Math.round((minus - zero) / OFF)).toBe(-1);
  expect(Math.round((plus - zero) / OFF)).toBe(1);
});

async function begin(count: number): Promise<{ message: string; reader: AnswerReader }[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const message = question();
      const id = await client.send(`steady-${n}`, message, { at: doors()[n % 2]! });
      return { message, reader: new AnswerReader({ url: doors()[(n + 1) % 2]!, key: cluster.key }, id) };
    }),
  );
}

test('no lease runs out, no owner is taken for dead, and receipts hold times that can be', async () => {
  const load = await begin(16);
  await Promise.all(load.map(({ reader }) => reader.follow()));
  for (const { message, reader } of load) {
    expect(reader.text.toString()).toBe(answerText(message, LENGTH));
    expect([reader.faults, reader.errors, reader.rewinds]).toEqual([[], [], 0]);
    expect(await client.row(reader.id)).toMatchObject({ state: 'done', epoch: 1, attempts: 1 });
    const { queue_ms, prefill_ms, stream_ms, total_ms } = reader.receipts[0]!;
    for (const ms of [queue_ms, prefill_ms!, stream_ms!, total_ms]) {
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThan(OFF * 1000);
    }
  }
  for (const name of ['chat_takeovers_total', 'chat_leases_lost_total', 'chat_fenced_total']) {
    expect([name, await count(name)]).toEqual([name, 0]);
  }
});

test('both workers had their share, and either goes on with the answers of the other', async () => {
  for (const [dying, next] of [
    [ahead, right],
    [right, ahead],
  ] as const) {
    const load = await begin(8);
    const reading = Promise.all(load.map(({ reader }) => reader.follow()));
    await Promise.all(load.map(({ reader }) => reader.hasBytes(40)));
    const name = await ownerName(dying);
    const owners = await Promise.all(load.map(async ({ reader }) => (await client.row(reader.id))!.owner));
    expect(owners).toContain(name);
    await dying.kill();
    await reading;
    for (const [n, { message, reader }] of load.entries()) {
      expect(reader.text.toString()).toBe(answerText(message, LENGTH));
      if (owners[n] === name) expect((await client.row(reader.id))!.owner).toBe(await ownerName(next));
    }
    await dying.start();
  }
});

test('a worker that sleeps past its lease is fenced, whatever its clock says', async () => {
  for (const [sleeper, next] of [
    [ahead, right],
    [right, ahead],
  ] as const) {
    const load = await begin(8);
    const reading = Promise.all(load.map(({ reader }) => reader.follow()));
    await Promise.all(load.map(({ reader }) => reader.hasBytes(40)));
    const name = await ownerName(sleeper);
    const theirs: string[] = [];
    for (const { reader } of load) if ((await client.row(reader.id))!.owner === name) theirs.push(reader.id);
    sleeper.signal('SIGSTOP');
    await eventually('the other has them', async () => {
      const rows = await Promise.all(theirs.map((id) => client.row(id)));
      return rows.every((row) => row!.owner !== name);
    });
    sleeper.signal('SIGCONT');
    await reading;
    for (const { message, reader } of load) expect(reader.text.toString()).toBe(answerText(message, LENGTH));
    expect(theirs.length).toBeGreaterThan(0);
    expect((await client.row(theirs[0]!))!.owner).toBe(await ownerName(next));
  }
});

test('turns of one conversation stand in their order, wherever they were taken', async () => {
  const [zero, minus] = doors();
  const first = await cluster.call('POST', '/users/turns/conversations', { at: zero, body: { message: question() } });
  const { conversation } = first.json;
  const said: string[] = [];
  await client.answered(first.json.id);
  for (const at of [minus, zero, minus]) {
    const message = question();
    const path = `/users/turns/conversations/${conversation}/messages`;
    const sent = await cluster.call('POST', path, { at, body: { message } });
    expect(sent.status).toBe(202);
    await client.answered(sent.json.id);
    said.push(message);
  }
  const { messages } = cluster.upstream.seen.at(-1)!.body;
  expect(
    messages
      .filter(({ role }) => role === 'user')
      .slice(1)
      .map(({ content }) => content),
  ).toEqual(said);
  for (const at of doors()) {
    const { json } = await cluster.call('GET', `/users/turns/conversations/${conversation}/messages`, { at });
    const roles = json.items.map(({ role }: { role: string }) => role);
    const inTime = roles[0] === 'user' ? roles : roles.toReversed();
    expect(inTime).toEqual(Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? 'user' : 'assistant')));
  }
});

test('limits are exact across their replicas, one key is one answer, and a session is good at both', async () => {
  const replies = await Promise.all(
    Array.from({ length: CHATS_PER_MINUTE + 6 }, (_, n) =>
      cluster.call('POST', '/chat', {
        at: doors()[n % 2]!,
        body: { user_id: 'eager', message: question(), max_tokens: 10 },
      }),
    ),
  );
  expect(replies.filter(({ status }) => status === 429)).toHaveLength(6);

  const headers = { 'idempotency-key': randomUUID() };
  const body = { user_id: 'once', message: question() };
  const sent = await Promise.all(doors().map((at) => cluster.call('POST', '/stream-chat', { at, body, headers })));
  expect(new Set(sent.map(({ json }) => json.correlation_id)).size).toBe(1);

  for (const [here, there] of [doors(), doors().toReversed()] as [string, string][]) {
    const signedIn = await call(here, 'POST', '/session', { body: { api_key: cluster.key } });
    const cookie = signedIn.headers.get('set-cookie')!.split(';', 1)[0]!;
    expect((await call(there, 'GET', '/users/local/conversations', { headers: { cookie } })).status).toBe(200);
    await call(there, 'DELETE', '/session', { headers: { cookie } });
    expect((await call(here, 'GET', '/users/local/conversations', { headers: { cookie } })).status).toBe(401);
  }
});

test('a log lives as long as it should by the clock of Redis', async () => {
  const id = await client.send('kept', question());
  await client.answered(id);
  const redis = createClient({ url: cluster.part('redis-state').spec.address! });
  await redis.connect();
  try {
    const keys = await redis.keys(`log:{${id}}*`);
    expect(keys.length).toBeGreaterThan(0);
    for (const key of keys) {
      const left = await redis.pTTL(key);
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(TOKEN_LOG_TTL * 1000);
    }
  } finally {
    redis.destroy();
  }
});
