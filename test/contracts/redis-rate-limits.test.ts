import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RedisConnection } from '../../src/adapters/redis/connection.ts';
import { RedisRateLimits } from '../../src/adapters/redis/rate-limits.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { rateLimitsContract } from './rate-limits.contract.ts';
import { until } from './until.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

async function connect(url = redis.url) {
  const connection = new RedisConnection({ url, name: 'redis-state' });
  await connection.ready(AbortSignal.timeout(30_000));
  return connection;
}

rateLimitsContract('redis', async () => {
  const connection = await connect();
  return {
    limits: new RedisRateLimits(connection),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
});

it('is exact across replicas', async () => {
  await using one = await connect();
  await using other = await connect();
  const replicas = [new RedisRateLimits(one), new RedisRateLimits(other)];
  const key = randomUUID();
  const outcomes = await Promise.all(Array.from({ length: 60 }, (_, n) => replicas[n % 2]!.take(key, 25, 60_000)));
  expect(outcomes.filter(({ allowed }) => allowed)).toHaveLength(25);
});

it('allows each replica its share while Redis is away, and the whole limit again after', async () => {
  await using own = await startRedis();
  await using connection = await connect(own.url);
  const limits = new RedisRateLimits(connection, { replicas: 4 });
  const key = randomUUID();
  await own.servers[0]!.kill();
  const outcomes = [];
  for (let n = 0; n < 8; n++) outcomes.push(await limits.take(key, 20, 60_000));
  expect(outcomes.map(({ allowed }) => allowed)).toEqual([true, true, true, true, true, false, false, false]);
  expect(outcomes[0]).toMatchObject({ limit: 20, remaining: 4 });
  await own.servers[0]!.start();
  await until(async () => (await limits.take(key, 20, 60_000)).remaining > 4);
});
