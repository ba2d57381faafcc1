import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RedisCache } from '../../src/adapters/redis/cache.ts';
import { RedisConnection } from '../../src/adapters/redis/connection.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { cacheContract } from './cache.contract.ts';
import { until } from './until.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis('--appendonly', 'no', '--maxmemory', '20mb', '--maxmemory-policy', 'allkeys-lru');
});
afterAll(() => redis[Symbol.asyncDispose]());

const MINUTE_MS = 60_000;

async function start(url = redis.url) {
  const connection = new RedisConnection({ url, name: 'redis-cache' });
  await connection.ready(AbortSignal.timeout(30_000));
  return {
    cache: new RedisCache(connection),
    connection,
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

cacheContract('redis', start);

it('compresses what is worth it, and returns either byte for byte', async () => {
  await using harness = await start();
  const { cache } = harness;
  const [short, long, noise] = [
    Buffer.from('short'),
    Buffer.from('the same words again '.repeat(500)),
    randomBytes(5_000),
  ];
  for (const value of [short, long, noise]) {
    const key = randomUUID();
    await cache.set(key, value, MINUTE_MS);
    expect(Buffer.from((await cache.get(key)) ?? []).equals(value)).toBe(true);
    const stored = Number(await redis.servers[0]!.run('STRLEN', `cache:${key}`));
    expect(stored).toBeLessThan(value === long ? value.length / 10 : value.length + 50);
  }
});

it('takes what it cannot read for a miss', async () => {
  await using harness = await start();
  const key = randomUUID();
  for (const damaged of ['\u0001not zstd', '\u0007of a later version', '']) {
    await redis.servers[0]!.run('SET', `cache:${key}`, damaged);
    expect(await harness.cache.get(key)).toBeNull();
  }
});

it('misses while Redis is away, and is a cache again after', async () => {
  await using own = await startRedis('--appendonly', 'no');
  await using harness = await start(own.url);
  await harness.cache.set('a', Buffer.from('x'), MINUTE_MS);
  await own.servers[0]!.kill();
  expect(await harness.cache.get('a')).toBeNull();
  await harness.cache.set('a', Buffer.from('y'), MINUTE_MS);
  await harness.cache.delete('a');
  await own.servers[0]!.start('deleted');
  await until(async () => {
    await harness.cache.set('a', Buffer.from('z'), MINUTE_MS);
    return (await harness.cache.get('a')) !== null;
  });
});
