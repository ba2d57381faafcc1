import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { expect, test } from 'vitest';
import { ask, newId, newPerson } from '../contracts/store/harness.ts';
import { eventually, startTestCluster, type TestCluster } from '../support/cluster.ts';
import { answerText } from '../support/fake-upstream.ts';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts';
import { openShardedTestStore, shardConfig } from '../support/sharded-postgres.ts';

const LENGTH = 60;
const USERS_PER_SHARD = 6;
const PATIENCE_MS = 120_000;

type Asked = { user: string; key: string; message: string; generation: string };
type User = { name: string; shard: number };
/** `refused`: answers other than an acceptance, by status. */
type Load = { asked: Asked[]; refused: Map<number, number>; stop(): Promise<void> };

async function run<Row extends object>(url: string, text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}

async function usersOnBothShards(cluster: TestCluster): Promise<User[]> {
  const users: User[] = [];
  const [directory] = ['shard-1'].map((name) => cluster.part(name).spec.address!);
  for (let n = 0; [0, 1].some((shard) => users.filter((user) => user.shard === shard).length < USERS_PER_SHARD); n++) {
    const name = `user-${n}`;
    const reply = await cluster.call('POST', '/chat', { body: { user_id: name, message: 'hello', max_tokens: 10 } });
    expect(reply.status, reply.text).toBe(200);
    const rows = await run<{ shard: number }>(directory!, 'SELECT shard FROM users WHERE external_id = $1', [name]);
    const { shard } = rows[0]!;
    if (users.filter((user) => user.shard === shard).length < USERS_PER_SHARD) users.push({ name, shard });
  }
  return users;
}

/** Each user asks, at any API and again until it is accepted, and then asks the next. */
function load(cluster: TestCluster, users: readonly User[]): Load {
  const over = new AbortController();
  const asked: Asked[] = [];
  const refused = new Map<number, number>();
  const working = users.map(async ({ name }, index) => {
    for (let turn = 0; !over.signal.aborted; turn++) {
      const [key, message] = [randomUUID(), `${name} ${randomUUID()}`];
      const body = { user_id: name, message, max_tokens: LENGTH };
      for (let tries = 0; ; tries++) {
        const at = cluster.apis[(index + turn + tries) % cluster.apis.length]!;
        const reply = await cluster
          .call('POST', '/async-chat', { at, body, headers: { 'Idempotency-Key': key } })
          .catch(() => null);
        if (reply?.status === 202 || reply?.status === 200) {
          asked.push({ user: name, key, message, generation: reply.json.correlation_id });
          break;
        }
        const status = reply?.status ?? 0;
        refused.set(status, (refused.get(status) ?? 0) + 1);
        await sleep(100);
      }
      await sleep(50);
    }
  });
  return {
    asked,
    refused,
    async stop() {
      over.abort();
      await Promise.all(working);
    },
  };
}

async function expectEveryAnswer(cluster: TestCluster, asked: readonly Asked[]): Promise<void> {
  for (const { generation, message } of asked) {
    const answer = await eventually(`the answer ${generation}`, async () => {
      const { json } = await cluster.call('GET', `/check-response/${generation}`, { at: cluster.apis[0]! });
      return json?.response;
    });
    expect(answer).toBe(answerText(message, LENGTH));
  }
}

test(
  'a primary is killed under load and its synchronous standby promoted: nothing acknowledged is lost or doubled',
  async () => {
    await using cluster = await startTestCluster({ nginx: false, upstream: { length: LENGTH, paceMs: 5 } });
    const [primary, standby] = ['shard-1', 'shard-1-replica'].map((name) => cluster.part(name).spec.address!);
    await run(primary!, `ALTER SYSTEM SET synchronous_standby_names = '*'`);
    await run(primary!, 'SELECT pg_reload_conf()');
    await eventually('the standby is waited for', async () => {
      const rows = await run(primary!, `SELECT FROM pg_stat_replication WHERE sync_state = 'sync'`);
      return rows.length === 1;
    });
    const users = await usersOnBothShards(cluster);
    const there = load(
      cluster,
      users.filter(({ shard }) => shard === 0),
    );
    const elsewhere = load(
      cluster,
      users.filter(({ shard }) => shard === 1),
    );
    const grows = (which: Load) => {
      const from = which.asked.length;
      return eventually('more is accepted', () => which.asked.length > from + 20);
    };
    await grows(there);

    const servers = ['api-1', 'api-2', 'worker-1', 'worker-2'].map((name) => cluster.part(name));
    const pids = servers.map(({ pid }) => pid);
    await cluster.part('shard-1').kill();
    await eventually('it is missed', async () => {
      const { json } = await cluster.call('GET', '/health', { at: cluster.apis[0]! });
      return JSON.stringify(json).includes('shard-1: ');
    });
    await grows(elsewhere);
    await run(standby!, 'SELECT pg_promote(true, 60)');
    await grows(there);
    await grows(elsewhere);

    // The old primary comes back as if nothing had happened, and takes writes of nobody.
    await cluster.part('shard-1').start();
    await grows(there);
    const strays = await run<{ count: number }>(primary!, 'SELECT count(*)::integer AS count FROM generations');
    await grows(there);
    expect(await run(primary!, 'SELECT count(*)::integer AS count FROM generations')).toEqual(strays);
    expect((await cluster.command('shards', 'status')).out).toContain(new URL(standby!).host);
    await Promise.all([there.stop(), elsewhere.stop()]);

    expect([...elsewhere.refused]).toEqual([]);
    expect([...there.refused.keys()].filter((status) => status !== 503)).toEqual([]);
    expect(servers.map(({ pid }) => pid)).toEqual(pids);
    await expectEveryAnswer(cluster, [...there.asked, ...elsewhere.asked]);

    // One generation for each key and one answer for each generation, and none that nobody asked for.
    const rows = await run<{ id: string; answers: number; keys: number }>(
      standby!,
      `SELECT g.id, (SELECT count(*)::integer FROM messages AS m WHERE m.parent_id = g.request_message_id) AS answers,
       (SELECT count(*)::integer FROM idempotency AS i WHERE i.generation_id = g.id) AS keys
     FROM generations AS g WHERE EXISTS (SELECT FROM idempotency AS i WHERE i.generation_id = g.id)`,
    );
    expect(new Set(rows.map(({ id }) => id))).toEqual(new Set(there.asked.map(({ generation }) => generation)));
    expect(rows.filter(({ answers, keys }) => answers !== 1 || keys !== 1)).toEqual([]);
  },
  PATIENCE_MS * 2,
);

test('what a synchronous standby has not confirmed is not acknowledged', async () => {
  await using primary = await startPostgresServer();
  await using standby: PostgresServer = await primary.makeStandby();
  await primary.run(`ALTER SYSTEM SET synchronous_standby_names = '*'`);
  await primary.run('SELECT pg_reload_conf()');
  const shards = [shardConfig('only', primary.connection, { replicas: [standby.connection] })];
  const options = { leaseMs: 15_000, trustAfterMs: 0, sweepBackoffMs: 2_000, newId, statementTimeoutMs: 1_500 };
  await using store = await openShardedTestStore(shards, options);
  const person = await newPerson(store);
  await ask(store, person);

  await standby.pause();
  await expect(ask(store, person)).rejects.toMatchObject({ code: 'database_unavailable' });
  // Where the wait is cancelled, the server says that all went well, with a warning.
  const over = new AbortController();
  const cancelling = (async () => {
    const cancel = `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`;
    for (; !over.signal.aborted; await sleep(50)) await primary.run(cancel);
  })();
  const refused = await ask(store, person).then(
    () => 'acknowledged',
    (error: Error) => rootOf(error).message,
  );
  over.abort();
  await cancelling;
  expect(refused).toBe('the synchronous standby has not confirmed the commit');
  await standby.resume();
  await eventually('it goes on', async () => (await ask(store, person, { title: 'Confirmed' })).generation);
});

function rootOf(error: Error): Error {
  return error.cause instanceof Error ? rootOf(error.cause) : error;
}
