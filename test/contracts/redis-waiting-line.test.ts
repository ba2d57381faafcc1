import { afterAll, beforeAll, expect, it } from 'vitest';
import { RedisConnection } from '../../src/adapters/redis/connection.ts';
import { RedisWaitingLine } from '../../src/adapters/redis/waiting-line.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { each, waitingLineContract } from './waiting-line.contract.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

async function start() {
  const connection = new RedisConnection({ url: redis.url, name: 'redis-state' });
  await connection.ready(AbortSignal.timeout(30_000));
  await redis.servers[0]!.run('FLUSHALL');
  return {
    line: new RedisWaitingLine(connection),
    connection,
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

waitingLineContract('redis', start);

it('goes on from the highest ticket it has seen while Redis is away', async () => {
  await using own = await startRedis();
  await using connection = new RedisConnection({ url: own.url, name: 'redis-state' });
  const line = new RedisWaitingLine(connection);
  await connection.ready(AbortSignal.timeout(30_000));
  await line.draw('chat', each(7));
  await own.servers[0]!.kill();
  expect(await line.draw('chat', each(2))).toBe(8);
  expect(await line.draw('chat', each(1))).toBe(10);
  await line.serve('chat', 9, 10);
  expect(await line.look('chat')).toEqual({
    drawn: 10,
    served: 9,
    ratePerSecond: null,
    tokensPerSecond: null,
    meanTokens: null,
  });
});
