import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@redis/client';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { AnswerReader } from '../support/answer-reader.ts';
import { eventually, startTestCluster, type TestCluster } from '../support/cluster.ts';
import { clientOf, question } from '../support/cluster-client.ts';
import { answerText } from '../support/fake-upstream.ts';

const LENGTH = 200;
const CHATS_PER_MINUTE = 20;
const COMMAND_TIMEOUT_MS = 2_000;

let cluster: TestCluster;
let client: ReturnType<typeof clientOf>;
beforeAll(async () => {
  cluster = await startTestCluster({
    upstream: { length: LENGTH, paceMs: 20 },
    settings: {
      REDIS_COMMAND_TIMEOUT_MS: String(COMMAND_TIMEOUT_MS),
      RATE_LIMIT_CHAT_PER_MINUTE: String(CHATS_PER_MINUTE),
      SYNC_TIMEOUT: '1',
    },
  });
  client = clientOf(cluster);
}, 180_000);
beforeEach(() => started());
afterAll(() => cluster?.[Symbol.asyncDispose](), 60_000);

/** On the state instance, as an operator would. */
async function redis(...command: string[]): Promise<string> {
  const connection = createClient({ url: cluster.part('redis-state').spec.address! });
  connection.on('error', () => {});
  await connection.connect();
  try {
    return String(await connection.sendCommand(command));
  } finally {
    connection.destroy();
  }
}

type Load = { message: string; reader: AnswerReader };

/** Answers under way, each with a reader at some API. */
async function begin(user: string, count: number): Promise<{ answers: Load[]; end: () => Promise<void> }> {
  const answers = await Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const message = question();
      const id = await client.send(`${user}-${n}`, message, { at: cluster.apis[n % 2]! });
      return { message, reader: new AnswerReader({ url: cluster.apis[(n + 1) % 2]!, key: cluster.key }, id) };
    }),
  );
  const reading = Promise.all(answers.map(({ reader }) => reader.follow()));
  await Promise.all(answers.map(({ reader }) => reader.hasBytes(40)));
  return {
    answers,
    /** Each reader ends with the whole answer and was never told anything that did not fit. */
    async end() {
      await reading;
      for (const { message, reader } of answers) {
        expect(reader.text.toString()).toBe(answerText(message, LENGTH));
        expect([reader.faults, reader.errors, reader.receipts.length]).toEqual([[], [], 1]);
      }
    },
  };
}

test('state lost with its data under load: its owners put it back, and what had ended is read from PostgreSQL', async () => {
  const ended = await begin('before', 4);
  await ended.end();
  const load = await begin('under', 16);
  await cluster.part('redis-state').kill();
  await cluster.emptyRedis('redis-state');
  await cluster.part('redis-state').start();
  await load.end();
  for (const { message, reader } of [...ended.answers, ...load.answers]) {
    const again = new AnswerReader({ url: cluster.url, key: cluster.key }, reader.id);
    await again.follow();
    expect(again.text.toString()).toBe(answerText(message, LENGTH));
    expect(await client.row(reader.id)).toMatchObject({ state: 'done', epoch: 1, attempts: 1 });
  }
});

test('state emptied by hand under load: a pause at most', async () => {
  const load = await begin('flushed', 8);
  await redis('FLUSHALL');
  await load.end();
});

test('cache emptied and lost under load: nobody notices, and the next turn still knows the last', async () => {
  const load = await begin('uncached', 4);
  await cluster.part('redis-cache').kill();
  await load.end();
  const { length } = cluster.upstream.seen;
  const message = question();
  await client.answered(await client.send('uncached-0', message));
  expect(length).toBeGreaterThan(0);
  const asked = cluster.upstream.seen.findLast(({ body }) => body.messages.at(-1)!.content === message)!;
  expect(asked.body.messages.filter(({ role }) => role === 'assistant')).toEqual([]);
  await cluster.part('redis-cache').start();
  await client.isHealthy();
});

test('state hangs: named at once, calls fail without waiting for it, and streams go on when it wakes', async () => {
  const load = await begin('hanging', 8);
  const [at] = cluster.apis as [string];
  cluster.part('redis-state').signal('SIGSTOP');
  try {
    const named = await eventually('it alone is named', async () => {
      const json = await client.health(at);
      const down = json.dependencies.filter(({ status }: { status: string }) => status === 'down');
      return down.length === 1 && down[0].name === 'redis-state' ? json : null;
    });
    expect(named).toMatchObject({ status: 'degraded', components: { redis: 'down', database: 'up' } });
    // Were one of these to wait for its command, a hundred would take minutes.
    for (let n = 0; n < 100; n++) {
      const { status, json, headers } = await cluster.call('GET', '/debug/queue-stats', { at });
      expect([status, json.error.code]).toEqual([503, 'state_unavailable']);
      expect(json.error.details).toMatchObject({ dependency: 'redis-state' });
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
  } finally {
    cluster.part('redis-state').signal('SIGCONT');
  }
  await load.end();
  await client.isHealthy();
});

/** Whatever became of the test before, the state instance runs for the next one. */
async function started(): Promise<void> {
  const part = cluster.part('redis-state');
  if (part.pid === null) await part.start();
}

test('state away: accepts go on, and each API grants its share of a limit', async () => {
  await cluster.part('redis-state').kill();
  await using _ = { [Symbol.asyncDispose]: () => started() };
  const replies = await Promise.all(
    cluster.apis.flatMap((at) =>
      Array.from({ length: CHATS_PER_MINUTE }, async () => {
        const body = { user_id: 'eager', message: question(), max_tokens: 10 };
        return { at, ...(await cluster.call('POST', '/chat', { at, body })) };
      }),
    ),
  );
  for (const at of cluster.apis) {
    const statuses = replies.filter((reply) => reply.at === at).map(({ status }) => status);
    expect(statuses.filter((status) => status === 429)).toHaveLength(CHATS_PER_MINUTE / 2);
    // Accepted: an answer is begun when there is a log for it again.
    expect(statuses.filter((status) => status === 202)).toHaveLength(CHATS_PER_MINUTE / 2);
  }
  const message = question();
  const id = await client.send('meanwhile', message);
  await sleep(8_000);
  await started();
  expect((await client.answered(id)).response).toBe(answerText(message, LENGTH));
  const accepted = replies.filter(({ status }) => status === 202).map(({ json }) => json.correlation_id as string);
  for (const each of accepted) await client.answered(each);
  await client.isHealthy();
  const counted = async () => (await cluster.call('GET', '/debug/queue-stats')).json.dead_letters.message_count;
  expect(await counted()).toBe(0);
});

test('state full: new streams wait while running ones go on, and none is given up', async () => {
  const load = await begin('running', 8);
  await redis('SETRANGE', 'ballast', String(64 * 1024 * 1024), 'x');
  const used = Number(/used_memory:(\d+)/.exec(await redis('INFO', 'memory'))![1]);
  // Above nine tenths, with some room left: it is for those that are being written.
  await redis('CONFIG', 'SET', 'maxmemory', String(Math.round(used / 0.95)));
  // A worker looks once a second whether there is room.
  await sleep(1_500);
  try {
    const messages = Array.from({ length: 4 }, () => question());
    const ids = await Promise.all(messages.map((message, n) => client.send(`late-${n}`, message)));
    await load.end();
    await sleep(6_000);
    for (const id of ids) {
      const { json } = await cluster.call('GET', `/check-response/${id}`);
      expect(json.status).toBe('pending');
    }
    await redis('CONFIG', 'SET', 'maxmemory', '256mb');
    for (const [n, id] of ids.entries()) {
      expect((await client.answered(id)).response).toBe(answerText(messages[n]!, LENGTH));
    }
  } finally {
    await redis('CONFIG', 'SET', 'maxmemory', '256mb');
    await redis('DEL', 'ballast');
  }
});
