import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, startTestCluster, type TestCluster } from '../support/cluster.ts';
import { answerText } from '../support/fake-upstream.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startTestCluster({ apis: 2, workers: 1, nginx: false, upstream: { length: 400, paceMs: 50 } });
}, 180_000);
afterAll(() => cluster?.[Symbol.asyncDispose](), 60_000);

const TABLES = ['messages', 'conversations', 'generations', 'idempotency', 'usage_daily', 'message_archive'];

async function rowsOf(userId: string): Promise<number> {
  const counts = TABLES.map((table) => `(SELECT count(*)::integer FROM ${table} WHERE user_id = $1)`).join(' + ');
  const rows = await cluster.sql<{ count: number }>(`SELECT ${counts} AS count`, [userId]);
  return rows.reduce((sum, { count }) => sum + count, 0);
}

/** Asks at the first API and resolves while the answer is being written. */
async function beginAnswer(user_id: string) {
  const body = { user_id, message: randomUUID(), max_tokens: 400 };
  const { json } = await cluster.call('POST', '/async-chat', { at: cluster.apis[0]!, body });
  const [row] = await eventually('it runs', async () => {
    const rows = await cluster.sql<{ user_id: string }>(
      `SELECT user_id FROM generations WHERE id = $1 AND state = 'running'`,
      [json.correlation_id],
    );
    return rows.length > 0 && rows;
  });
  return { id: json.correlation_id as string, userId: row!.user_id };
}

test('a user is deleted at another API than the one that answers them', async () => {
  const { id, userId } = await beginAnswer('leaves');
  const { status, json } = await cluster.call('DELETE', '/users/leaves', { at: cluster.apis[1]! });
  expect([status, json]).toMatchObject([
    200,
    { erased: { conversations: 1, generations: 1 }, cleared: { stopped: 1 }, databases: ['shard-1', 'shard-2'] },
  ]);
  expect(await rowsOf(userId)).toBe(0);
  await eventually('the model is told', () => cluster.upstream.counts.open === 0);
  for (const at of cluster.apis) {
    expect((await cluster.call('GET', `/check-response/${id}`, { at })).status).toBe(404);
    expect((await cluster.call('GET', '/users/leaves/conversations', { at })).json.items).toEqual([]);
  }
  const message = randomUUID();
  const answer = await eventually('who comes back is new', async () => {
    const body = { user_id: 'leaves', message, max_tokens: 10 };
    const reply = await cluster.call('POST', '/chat', { at: cluster.apis[0]!, body });
    return reply.status === 200 && reply.json;
  });
  expect(answer).toMatchObject({ response: answerText(message, 10), conversation_id: 1 });
}, 120_000);

test('the command has a worker do it and prints the receipt', async () => {
  const { userId } = await beginAnswer('told');
  const done = await cluster.command('users', 'delete', 'default', 'told');
  expect(done).toMatchObject({ code: 0, err: '' });
  const receipt = JSON.parse(done.out);
  expect(receipt).toMatchObject({
    finished_at: expect.any(String),
    erased: { generations: 1 },
    cleared: { stopped: 1 },
  });
  expect(await rowsOf(userId)).toBe(0);
  expect(JSON.parse((await cluster.command('users', 'delete', 'default', 'told')).out)).toEqual(receipt);
  for (const words of [['default', 'nobody'], ['no-such', 'told'], ['default']]) {
    expect(await cluster.command('users', 'delete', ...words)).toMatchObject({ code: 2, out: '' });
  }
}, 120_000);
