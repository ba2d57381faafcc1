import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AnswerReader } from '../support/answer-reader.ts';
import { startTestCluster, type TestCluster } from '../support/cluster.ts';
import { clientOf, question } from '../support/cluster-client.ts';
import { answerText } from '../support/fake-upstream.ts';
import type { Reply } from '../support/http-client.ts';

const MAX_WAITING = 30;

let cluster: TestCluster;
let client: ReturnType<typeof clientOf>;
beforeAll(async () => {
  cluster = await startTestCluster({
    upstream: { length: 20, paceMs: 10 },
    settings: { MAX_WAITING: `${MAX_WAITING}`, MAX_WAITING_PER_USER: `${MAX_WAITING}` },
  });
  client = clientOf(cluster);
}, 180_000);
afterAll(() => cluster?.[Symbol.asyncDispose](), 60_000);

const doors = () => [cluster.url, ...cluster.apis];

test('while the broker restarts, ten requests under one key at different replicas are one answer', async () => {
  const message = question();
  const headers = { 'idempotency-key': randomUUID() };
  const body = { user_id: 'once', message, max_tokens: 100 };
  const ask = (n: number) => cluster.call('POST', '/stream-chat', { at: doors()[n % 3]!, body, headers });
  const early = Array.from({ length: 4 }, (_, n) => ask(n));
  await cluster.part('rabbitmq').kill();
  const away = Array.from({ length: 3 }, (_, n) => ask(n));
  await Promise.all(away);
  const starting = cluster.part('rabbitmq').start();
  const late = Array.from({ length: 3 }, (_, n) => ask(n));
  const replies = await Promise.all([...early, ...away, ...late]);
  await starting;
  expect(replies.map(({ status }) => status)).toEqual(Array(10).fill(200));
  const ids = new Set(replies.map(({ json }) => json.correlation_id));
  expect(ids.size).toBe(1);
  const [id] = [...ids];
  expect((await client.answered(id)).response).toBe(answerText(message, 20));
  const stored = await cluster.sql<{ role: string }>('SELECT role FROM messages WHERE content IN ($1, $2)', [
    message,
    answerText(message, 20),
  ]);
  expect(stored.map(({ role }) => role).sort()).toEqual(['assistant', 'user']);
  await client.isHealthy();
});

test('without a broker streams go on, questions are taken up to the bound, and all of them are answered after', async () => {
  const running = question('[[tokens:600]]');
  const runningId = await client.send('running', running);
  const reader = new AnswerReader(cluster, runningId);
  const following = reader.follow();
  await reader.hasBytes(200);
  await cluster.part('rabbitmq').kill();

  const health = await client.health();
  expect(health).toMatchObject({ status: 'degraded', components: { rabbitmq: 'down', database: 'up', redis: 'up' } });
  await following;
  expect(reader.text.toString()).toBe(answerText(running, 600));
  expect(reader.faults).toEqual([]);

  const asked: { message: string; reply: Reply }[] = [];
  // One after the other: who comes at the same moment may pass the bound together.
  for (let n = 0; n < MAX_WAITING + 10; n++) {
    const message = question();
    const body = { user_id: `waits-${n}`, message, max_tokens: 100 };
    asked.push({ message, reply: await cluster.call('POST', '/async-chat', { at: doors()[n % 3]!, body }) });
  }
  const accepted = asked.filter(({ reply }) => reply.status === 200);
  const refused = asked.filter(({ reply }) => reply.status !== 200);
  expect(accepted).toHaveLength(MAX_WAITING);
  for (const { reply } of refused) {
    expect([reply.status, reply.json.error.code]).toEqual([503, 'queue_full']);
    expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
  }

  await cluster.part('rabbitmq').start();
  for (const { message, reply } of accepted) {
    expect((await client.answered(reply.json.correlation_id)).response).toBe(answerText(message, 20));
  }
  await client.isHealthy();
});
