import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, startTestCluster, type TestCluster } from '../support/cluster.ts';
import { metricOf, question } from '../support/cluster-client.ts';
import { answerText } from '../support/fake-upstream.ts';

const HEAVY = 500;
const OTHERS = 100;
const SLOTS = 4;
const LENGTH = 10;

/** Fairness is proved by the order in which answers end, never by the clock. */
let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startTestCluster({
    upstream: { length: LENGTH, paceMs: 4 },
    settings: { MAX_CONCURRENT: String(SLOTS), RATE_LIMIT_REQUESTS_PER_MINUTE: '1000000', LOG_LEVEL: 'warn' },
  });
}, 180_000);
afterAll(() => cluster?.[Symbol.asyncDispose](), 60_000);

type Job = { user: string; message: string; id: string };

async function queue(user: string): Promise<Job> {
  const message = question();
  const body = { user_id: user, message, max_tokens: LENGTH };
  const { status, json } = await cluster.call('POST', '/async-chat', { body });
  expect(status).toBe(200);
  return { user, message, id: json.correlation_id };
}

/** A few at a time, as programs send them. */
async function queueAll(users: readonly string[], atOnce = 20): Promise<Job[]> {
  const jobs: Job[] = [];
  const left = [...users];
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let user = left.shift(); user !== undefined; user = left.shift()) jobs.push(await queue(user));
    }),
  );
  return jobs;
}

/** Ids of what is done, as it was done. The shards are on one machine and so have one clock. */
async function inOrder(): Promise<string[]> {
  const text = `SELECT id, extract(epoch FROM finished_at)::float8 AS at FROM generations WHERE state = 'done'`;
  const rows = await cluster.sql<{ id: string; at: number }>(text);
  return rows.toSorted((a, b) => a.at - b.at).map(({ id }) => id);
}

test('one user with 500 queued jobs keeps nobody waiting, and all 600 are answered', async () => {
  const workers = ['worker-1', 'worker-2'].map((name) => cluster.part(name));
  await Promise.all(workers.map((worker) => worker.stop()));
  const heavy = await queueAll(Array.from({ length: HEAVY }, () => 'heavy'));
  const before = await queueAll(Array.from({ length: OTHERS / 2 }, (_, n) => `early-${n}`));
  await Promise.all(workers.map((worker) => worker.start()));
  const after = await queueAll(Array.from({ length: OTHERS / 2 }, (_, n) => `late-${n}`));
  const all = [...heavy, ...before, ...after];

  const order = await eventually('all are answered', async () => {
    const rows = await inOrder();
    return rows.length === all.length ? rows : null;
  });
  const isHeavy = new Set(heavy.map(({ id }) => id));
  const lastOf = (jobs: readonly Job[]) => {
    const ids = new Set(jobs.map(({ id }) => id));
    return order.findLastIndex((id) => ids.has(id));
  };
  const heavyBefore = (end: number) => order.slice(0, end).filter((id) => isHeavy.has(id)).length;
  // What it had in the lane before anybody else came, and its turns beside theirs: two in the lane at once.
  expect(heavyBefore(lastOf(before))).toBeLessThan(OTHERS / 2);
  expect(heavyBefore(lastOf(after))).toBeLessThan(HEAVY / 2);

  for (const { id, message } of all) {
    const { json } = await cluster.call('GET', `/check-response/${id}`);
    expect(json.response).toBe(answerText(message, LENGTH));
  }
  expect(new Set(order).size).toBe(all.length);
  const addresses = workers.map(({ spec }) => spec.address!);
  expect(await metricOf(addresses, cluster.key, 'chat_claims_total')).toBe(all.length);
}, 400_000);
