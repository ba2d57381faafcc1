import { afterAll, beforeAll } from 'vitest';
import { inboxesContract } from '../contracts/inboxes.contract.ts';
import { redisInboxesHarness } from '../contracts/redis-inboxes-harness.ts';
import { redisTokenLogHarness } from '../contracts/redis-token-log-harness.ts';
import { tokenLogContract } from '../contracts/token-log.contract.ts';
import { startRedisCluster, type TestRedis } from '../support/redis.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedisCluster();
});
afterAll(() => redis[Symbol.asyncDispose]());

tokenLogContract('redis cluster', { faults: ['loseTail', 'loseAll'], start: () => redisTokenLogHarness(redis) });
inboxesContract('redis cluster', () => redisInboxesHarness(redis));
