import { afterAll, beforeAll } from 'vitest';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { redisTokenLogHarness } from './redis-token-log-harness.ts';
import { tokenLogContract } from './token-log.contract.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

tokenLogContract('redis', { faults: ['loseTail', 'loseAll'], start: () => redisTokenLogHarness(redis) });
