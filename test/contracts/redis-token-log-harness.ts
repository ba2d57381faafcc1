import { randomUUID } from 'node:crypto';
import { RedisConnection } from '../../src/adapters/redis/connection.ts';
import { RedisTokenLog } from '../../src/adapters/redis/token-log.ts';
import { START } from '../../src/protocol/position.ts';
import type { TestRedis } from '../support/redis.ts';
import type { TokenLogHarness } from './token-log.contract.ts';

/** One process that writes and reads, on real servers. */
export async function redisTokenLogHarness(redis: TestRedis): Promise<TokenLogHarness> {
  const connection = new RedisConnection({ url: redis.url, name: 'redis-state' });
  const log = new RedisTokenLog({ connection });
  const ready = () => log.ready(AbortSignal.timeout(30_000));
  await ready();
  return {
    log,
    settle: () => settle(connection, log),
    loseTail: (id, bytes) => loseTail(connection, id, bytes),
    // The data is deleted, and the connections break, as in a restart on an empty disk.
    loseAll: async () => {
      await Promise.all(connection.nodes.map((node) => node.send(['FLUSHALL'])));
      for (const server of redis.servers) await server.run('CLIENT', 'KILL', 'TYPE', 'pubsub').catch(() => 0);
      await Promise.all(connection.nodes.map((node) => node.send(['SCRIPT', 'FLUSH'])));
      await settle(connection, log);
    },
    [Symbol.asyncDispose]: async () => {
      await log[Symbol.asyncDispose]();
      await connection[Symbol.asyncDispose]();
    },
  };
}

/**
 * One log more at each server, and a reader that hears of it: what was said and asked before, on the same
 * connections, has arrived by then.
 */
async function settle(connection: RedisConnection, log: RedisTokenLog): Promise<void> {
  await new Promise(setImmediate);
  await log.ready(AbortSignal.timeout(30_000));
  for (const node of connection.nodes) {
    let id = randomUUID();
    while (connection.nodeOf(`log:{${id}}`) !== node) id = randomUUID();
    await log.open(id, 1);
    const heard = Promise.withResolvers<void>();
    const { detach } = await log.attach(id, START, (frame) => frame.kind === 'bytes' && heard.resolve());
    await log.append([{ id, epoch: 1, at: START.at, text: Buffer.from('.'), reasoning: Buffer.alloc(0) }]);
    await heard.promise;
    detach();
    await log.remove(id);
  }
}

/** Text and record as they were some bytes before, as a replica that lagged has them. */
async function loseTail(connection: RedisConnection, id: string, bytes: number): Promise<void> {
  const [record, text] = [`log:{${id}}`, `log:{${id}}:text`];
  const send = (...args: string[]) => connection.send(record, args);
  const kept = String(await send('GET', text)).slice(0, -bytes);
  await send('SET', text, kept, 'KEEPTTL');
  const epochs = String(await send('HGET', record, 'epochs'));
  const own = epochs.split(';').filter((epoch) => epoch && Number(/:(\d+)/.exec(epoch)?.[1]) <= kept.length);
  const thought = String(await send('HGET', record, 'head')).split(':')[2];
  const head = `${own.at(-1)?.split(':')[0]}:0:${thought}`;
  await send('HSET', record, 'head', head, 'epochs', own.map((epoch) => `${epoch};`).join(''));
}
