import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../contracts/until.ts';
import { AnswerReader } from '../support/answer-reader.ts';
import { startTestCluster, type TestCluster } from '../support/cluster.ts';
import { clientOf, question } from '../support/cluster-client.ts';
import { answerText } from '../support/fake-upstream.ts';
import { call } from '../support/http-client.ts';
import { type RedisServer, startRedisCluster, startRedisWithSentinel } from '../support/redis.ts';

const ANSWERS = 12;
const LENGTH = 300;

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startTestCluster({ apis: 1, workers: 0, nginx: false, upstream: { length: LENGTH, paceMs: 40 } });
}, 180_000);
afterAll(() => cluster?.[Symbol.asyncDispose](), 60_000);

/** A server that changes its role hangs up on whoever asks. */
const isMaster = async (server: RedisServer) => String(await server.run('ROLE').catch(() => '')).startsWith('master');

test.each([
  ['the master that Sentinel watches', async () => await startRedisWithSentinel(), 1],
  ['a master of a Redis Cluster', async () => await startRedisCluster({ replicas: true }), 3],
])('%s is killed under load: readers notice a pause at most', async (_, startRedis, successor) => {
  await using redis = await startRedis();
  const client = clientOf(cluster);
  const settings = { REDIS_STATE_URL: redis.url };
  await using api = await client.join('api', settings);
  await using worker = await client.join('worker', settings);
  const at = api.spec.address!;
  const begin = (user: string) =>
    Promise.all(
      Array.from({ length: ANSWERS }, async (_, n) => {
        const message = question();
        const id = await client.send(`${user}-${n}`, message, { at });
        const reader = new AnswerReader({ url: at, key: cluster.key }, id);
        return { message, reader, reading: reader.follow() };
      }),
    );
  const load = await begin('before');
  await Promise.all(load.map(({ reader }) => reader.hasBytes(60)));
  await redis.servers[0]!.kill();
  await until(() => isMaster(redis.servers[successor]!));
  const after = await begin('after');
  for (const { message, reader, reading } of [...load, ...after]) {
    await reading;
    expect(reader.text.toString()).toBe(answerText(message, LENGTH));
    expect([reader.faults, reader.errors, reader.receipts.length]).toEqual([[], [], 1]);
    expect(await client.row(reader.id)).toMatchObject({ state: 'done', attempts: 1 });
  }
  const { json } = await call(worker.spec.address!, 'GET', '/health');
  expect(json.components).toMatchObject({ redis: 'up', database: 'up', rabbitmq: 'up' });
});
