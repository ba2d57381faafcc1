import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { RedisConnection } from '../../src/adapters/redis/connection.ts';
import { RedisInboxes } from '../../src/adapters/redis/inboxes.ts';
import { pause, until } from '../contracts/until.ts';
import { type RedisServer, startRedisCluster, startRedisWithSentinel } from '../support/redis.ts';
import { type LogLoad, startLog, writeThrough } from '../support/redis-log-load.ts';

function expectExact({ answers, writers }: LogLoad): void {
  for (const { written, read } of answers) expect(read).toEqual(read.map(() => written));
  expect(writers.filter(({ isFenced }) => isFenced)).toEqual([]);
}

it('goes on at the replica that Sentinel promotes when the master is killed', async () => {
  await using redis = await startRedisWithSentinel();
  const [master, replica] = redis.servers;
  expectExact(
    await writeThrough(redis.url, async () => {
      await pause(500);
      await master!.kill();
      await until(() => isMaster(replica!));
      await pause(500);
    }),
  );
});

it('goes on when Sentinel moves the master while both live', async () => {
  await using redis = await startRedisWithSentinel();
  const [, replica, sentinel] = redis.servers;
  expectExact(
    await writeThrough(redis.url, async () => {
      await pause(300);
      await sentinel!.run('SENTINEL', 'FAILOVER', 'state');
      await until(() => isMaster(replica!));
      await pause(1_500);
    }),
  );
});

it('goes on when a cluster master is killed, and the others never stop', async () => {
  await using redis = await startRedisCluster({ replicas: true });
  const dying = redis.servers[0]!;
  // A machine that is busy is no dead server.
  await using steady = await startLog(redis.url, { patienceMs: 2_000 });
  const id = await idAt(steady.connection, redis.servers[1]!.port);
  await steady.log.open(id, 1);
  let end = 0;
  let over = false;
  const kinds = new Set<string | undefined>();
  const steadily = async () => {
    while (!over) {
      const text = Buffer.from('steady ');
      // In one batch with one whose server dies: its own outcome does not wait for that.
      const doomed = await idAt(steady.connection, dying.port).catch(() => randomUUID());
      const [outcome] = await steady.log.append([
        { id, epoch: 1, at: { text: end, reasoning: 0 }, text, reasoning: Buffer.alloc(0) },
        { id: doomed, epoch: 1, at: { text: 0, reasoning: 0 }, text, reasoning: Buffer.alloc(0) },
      ]);
      kinds.add(outcome?.kind);
      end += text.length;
      await pause(20);
    }
  };
  const running = steadily();
  expectExact(
    await writeThrough(redis.url, async () => {
      await pause(500);
      await dying.kill();
      await until(() => isMaster(redis.servers[3]!));
      await pause(500);
    }),
  );
  over = true;
  await running;
  expect([...kinds]).toEqual(['appended']);
});

it('follows a slot that moves to another server of the cluster', async () => {
  await using redis = await startRedisCluster();
  const [from, to] = redis.servers;
  const ids = await Promise.all([from!.run('CLUSTER', 'MYID'), to!.run('CLUSTER', 'MYID')]).then((all) =>
    all.map(String),
  );
  expectExact(
    await writeThrough(
      redis.url,
      async () => {
        await pause(300);
        const slots = ((await from!.run('CLUSTER', 'SLOTS')) as [number, number][]).map(([first]) => first);
        // Every slot of the first server that holds something, and the one that its frames go through.
        for (let slot = Math.min(...slots); slot < 5_461; slot++) {
          const keys = (await from!.run('CLUSTER', 'GETKEYSINSLOT', String(slot), '100')) as string[];
          if (keys.length === 0 && slot > 0) continue;
          await to!.run('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', ids[0]!);
          await from!.run('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', ids[1]!);
          if (keys.length > 0) {
            await from!.run('MIGRATE', '127.0.0.1', String(to!.port), '', '0', '5000', 'KEYS', ...keys);
          }
          await to!.run('CLUSTER', 'SETSLOT', String(slot), 'NODE', ids[1]!);
          await from!.run('CLUSTER', 'SETSLOT', String(slot), 'NODE', ids[1]!);
        }
      },
      { generations: 12 },
    ),
  );
});

it('carries words to an inbox again after a failover', async () => {
  await using redis = await startRedisWithSentinel();
  await using connection = new RedisConnection({ url: redis.url, name: 'redis-state' });
  await connection.ready(AbortSignal.timeout(60_000));
  await using inboxes = new RedisInboxes(connection);
  await using _a = await inboxes.listen('a', async () => true);
  const stop = () => inboxes.tell('a', { kind: 'stop', id: randomUUID() }, 1_000);
  expect(await stop()).toBe(true);
  await redis.servers[0]!.kill();
  await until(stop);
});

/** A server that changes its role hangs up on whoever asks. */
async function isMaster(server: RedisServer): Promise<boolean> {
  return String(await server.run('ROLE').catch(() => '')).startsWith('master');
}

async function idAt(connection: RedisConnection, port: number): Promise<string> {
  for (let n = 0; n < 1_000; n++) {
    const id = randomUUID();
    if (connection.nodeOf(`log:{${id}}`).address.port === port) return id;
  }
  throw new Error(`no slot is at ${port} any more`);
}
