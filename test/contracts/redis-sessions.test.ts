import { afterAll, beforeAll } from 'vitest';
import { RedisConnection } from '../../src/adapters/redis/connection.ts';
import { RedisSessions } from '../../src/adapters/redis/sessions.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { ManualClock } from './manual-clock.ts';
import { sessionsContract } from './sessions.contract.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

sessionsContract('redis', async () => {
  const clock = new ManualClock();
  const connection = new RedisConnection({ url: redis.url, name: 'redis-state' });
  await connection.ready(AbortSignal.timeout(30_000));
  const [server] = redis.servers;
  return {
    sessions: new RedisSessions(connection, clock),
    elsewhere: new RedisSessions(connection, clock),
    /** Every time to live is shortened by as much; one that is over goes. */
    async pass(ms) {
      await clock.advance(ms);
      const keys = (await server!.run('KEYS', 'session:*')) as string[];
      for (const key of keys) {
        const left = Number(await server!.run('PTTL', key)) - ms;
        await server!.run('PEXPIRE', key, String(Math.max(0, left)));
      }
    },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
});
