import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgresServer } from '../../support/postgres-server.ts';
import { openShardedTestStore, type ShardedTestStore, shardConfig } from '../../support/sharded-postgres.ts';
import { answered, ask, newId, newPerson } from '../store/harness.ts';

const MAX_LAG_MS = 4_000;
const MANY = { timeout: 60_000, interval: 100 };

let primary: PostgresServer;
let standby: PostgresServer;
let store: ShardedTestStore;

beforeAll(async () => {
  primary = await startPostgresServer();
  standby = await primary.makeStandby();
  store = await openShardedTestStore([shardConfig('only', primary.connection, { replicas: [standby.connection] })], {
    leaseMs: 15_000,
    trustAfterMs: 0,
    sweepBackoffMs: 2_000,
    newId,
    maxReplicaLagMs: MAX_LAG_MS,
  });
});

afterAll(async () => {
  await store?.[Symbol.asyncDispose]();
  await standby?.[Symbol.asyncDispose]();
  await primary?.[Symbol.asyncDispose]();
});

const lag = () => store.shards.status()[0]!.replicas[0]!.lagMs ?? Number.POSITIVE_INFINITY;

/** When the standby last served somebody; by its clock. */
async function servedAt(): Promise<number> {
  const [row] = await standby.run<{ at: string | null }>(
    `SELECT extract(epoch FROM max(query_start))::text AS at FROM pg_stat_activity
     WHERE application_name = 'chatterbot' AND query LIKE '%FROM user_home%'`,
  );
  return Number(row?.at ?? 0);
}

test('a replica serves what has settled; one that is too far behind serves nothing, and the primary does', async () => {
  const person = await newPerson(store);
  await answered(store, person, { content: 'The first heron' });
  const find = async (word: string) => (await store.conversations.search(person.userId, word, 10)).length;
  await expect.poll(lag, MANY).toBeLessThan(MAX_LAG_MS);
  await expect.poll(() => find('heron'), MANY).toBe(1);
  await expect
    .poll(async () => {
      await find('heron');
      return await servedAt();
    }, MANY)
    .toBeGreaterThan(0);

  await standby.run('SELECT pg_wal_replay_pause()');
  const { generation } = await ask(store, person, { content: 'The second egret' });
  // The newest is never read from it.
  expect((await store.conversations.branch(person.userId, generation.conversationNumber, { limit: 5 }))?.length).toBe(
    2,
  );
  await expect.poll(lag, MANY).toBeGreaterThan(MAX_LAG_MS);
  expect(await find('egret')).toBe(1);
  const last = await servedAt();
  await ask(store, person, { content: 'The third egret' });
  expect(await find('egret')).toBe(2);
  expect(await servedAt()).toBe(last);

  await standby.run('SELECT pg_wal_replay_resume()');
  await expect.poll(lag, MANY).toBeLessThan(MAX_LAG_MS);
  await expect
    .poll(async () => {
      await find('egret');
      return await servedAt();
    }, MANY)
    .toBeGreaterThan(last);
  expect(await find('egret')).toBe(2);
}, 180_000);

test('one that fails is passed over within the same call', async () => {
  const person = await newPerson(store);
  await answered(store, person, { content: 'The last bittern' });
  await expect.poll(lag, MANY).toBeLessThan(MAX_LAG_MS);
  await standby.kill();
  expect(await store.conversations.search(person.userId, 'bittern', 10)).toHaveLength(1);
  await standby.start();
  await expect.poll(lag, MANY).toBeLessThan(MAX_LAG_MS);
}, 120_000);
