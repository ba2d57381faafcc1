import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RedisConnection } from '../../src/adapters/redis/connection.ts';
import { RedisInboxes } from '../../src/adapters/redis/inboxes.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { inboxesContract } from './inboxes.contract.ts';
import { redisInboxesHarness } from './redis-inboxes-harness.ts';
import { until } from './until.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

inboxesContract('redis', () => redisInboxesHarness(redis));

it('carries words between processes, also after the connections broke', async () => {
  await using one = await redisInboxesHarness(redis);
  await using other = await redisInboxesHarness(redis);
  await using _a = await other.inboxes.listen('a', async () => true);
  const stop = () => one.inboxes.tell('a', { kind: 'stop', id: randomUUID() }, 2_000);
  expect(await stop()).toBe(true);
  await redis.servers[0]!.run('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await redis.servers[0]!.run('CLIENT', 'KILL', 'TYPE', 'normal');
  await until(stop);
});

it('answers false, and soon listens again by itself, where Redis was away', async () => {
  await using own = await startRedis();
  await using connection = new RedisConnection({ url: own.url, name: 'redis-state' });
  await using inboxes = new RedisInboxes(connection);
  await connection.ready(AbortSignal.timeout(30_000));
  await using _a = await inboxes.listen('a', async () => true);
  await own.servers[0]!.kill();
  expect(await inboxes.tell('a', { kind: 'stop', id: randomUUID() }, 10_000)).toBe(false);
  await own.servers[0]!.start();
  await until(() => inboxes.tell('a', { kind: 'stop', id: randomUUID() }, 500));
});
