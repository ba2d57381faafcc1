import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RedisConnection } from '../../src/adapters/redis/connection.ts';
import { RedisTokenBudgets } from '../../src/adapters/redis/token-budgets.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { tokenBudgetsContract } from './token-budgets.contract.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

async function connect() {
  const connection = new RedisConnection({ url: redis.url, name: 'redis-state' });
  await connection.ready(AbortSignal.timeout(30_000));
  return connection;
}

tokenBudgetsContract('redis', async () => {
  const connection = await connect();
  return {
    budgets: new RedisTokenBudgets(connection),
    pass: async (ms) => void (await sleep(ms)),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
});

it('sets nothing aside while Redis is away, and says so', async () => {
  await using own = await startRedis();
  await using connection = new RedisConnection({ url: own.url, name: 'redis-state' });
  await connection.ready(AbortSignal.timeout(30_000));
  const budgets = new RedisTokenBudgets(connection);
  await own.servers[0]!.kill();
  const period = { name: 'day:2026-03-01', limit: 100 };
  const reservation = {
    account: 'a',
    id: 'g',
    tokens: 1,
    periods: [period],
    used: { [period.name]: 0 },
    lapsesInMs: 1,
  };
  await expect(budgets.reserve(reservation)).rejects.toMatchObject({ code: 'state_unavailable' });
  await expect(budgets.settle('a', 'g', 1, [])).rejects.toMatchObject({ code: 'state_unavailable' });
});

it('is exact across processes', async () => {
  await using one = await connect();
  await using other = await connect();
  const replicas = [new RedisTokenBudgets(one), new RedisTokenBudgets(other)];
  const period = { name: 'day:2026-03-01', limit: 250 };
  const outcomes = await Promise.all(
    Array.from({ length: 60 }, (_, n) =>
      replicas[n % 2]!.reserve({
        account: 'shared',
        id: `g${n}`,
        tokens: 10,
        periods: [period],
        used: { [period.name]: 0 },
        lapsesInMs: 60_000,
      }),
    ),
  );
  expect(outcomes.filter(({ kind }) => kind === 'reserved')).toHaveLength(25);
});
