import { RedisConnection } from '../../src/adapters/redis/connection.ts';
import { RedisInboxes } from '../../src/adapters/redis/inboxes.ts';
import type { TestRedis } from '../support/redis.ts';
import type { InboxesHarness } from './inboxes.contract.ts';

export async function redisInboxesHarness(redis: TestRedis): Promise<InboxesHarness> {
  const connection = new RedisConnection({ url: redis.url, name: 'redis-state' });
  await connection.ready(AbortSignal.timeout(30_000));
  const inboxes = new RedisInboxes(connection);
  return {
    inboxes,
    [Symbol.asyncDispose]: async () => {
      await inboxes[Symbol.asyncDispose]();
      await connection[Symbol.asyncDispose]();
    },
  };
}
