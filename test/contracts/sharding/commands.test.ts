import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { startFakeServe } from '../../support/fake-serve.ts';
import { startFakeUpstream } from '../../support/fake-upstream.ts';
import { type Connection, type PostgresServer, startPostgresServer } from '../../support/postgres-server.ts';
import { openShardedTestStore, type ShardedTestStore } from '../../support/sharded-postgres.ts';
import { answer, ask, claimed, newId, newOwner, newPerson, type Person, WINDOW } from '../store/harness.ts';

const TIMINGS = { leaseMs: 15_000, trustAfterMs: 0, sweepBackoffMs: 2_000 };
const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
const SQL = new URL('../../../sql/', import.meta.url);
const run = promisify(execFile);
type Ended = { code: number; out: string; err: string };

let servers: PostgresServer[];
let store: ShardedTestStore;
const people: Person[] = [];

const url = ({ user, host, port, database }: Connection) => `postgresql://${user}@${host}:${port}/${database}`;

beforeAll(async () => {
  servers = await Promise.all([1, 2, 3].map(() => startPostgresServer()));
});

afterAll(async () => {
  await store?.[Symbol.asyncDispose]();
  for (const server of servers ?? []) await server[Symbol.asyncDispose]();
});

function command(...words: string[]): Promise<Ended> {
  const DATABASE_URLS = servers
    .slice(0, 2)
    .map(({ connection }) => url(connection))
    .join(',');
  return commandOn({ DATABASE_URLS }, ...words);
}

async function commandOn(environment: Record<string, string>, ...words: string[]): Promise<Ended> {
  const env = { PATH: process.env.PATH, ...environment };
  return await run(process.execPath, [MAIN, ...words], { env }).then(
    ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      out: error.stdout,
      err: error.stderr,
    }),
  );
}

async function placement(): Promise<Map<string, number>> {
  const rows = await servers[0]!.run<{ user_id: string; shard: number }>('SELECT user_id, shard FROM users');
  return new Map(rows.map(({ user_id, shard }) => [user_id, shard]));
}

test('migrate brings every shard up to date, one that is away later', async () => {
  await servers[1]!.kill();
  const first = await command('migrate');
  expect(first).toMatchObject({ code: 6, out: expect.stringMatching(/^shard-1 .*0001-.*\.sql/) });
  expect(first.err).toContain('shard-2');
  await servers[1]!.start();
  const second = await command('migrate');
  expect(second).toMatchObject({ code: 0, err: '' });
  expect(second.out).toMatch(/^shard-1 .*up to date\nshard-2 .*0001-.*\.sql/);
});

test('a shard is added while others serve, users move onto it, and off it again', async () => {
  const shards = servers.slice(0, 2).map(({ connection }, index) => ({
    name: `shard-${index + 1}`,
    primary: { connectionString: url(connection) },
    replicas: [],
    weight: 1,
  }));
  store = await openShardedTestStore(shards, { ...TIMINGS, newId });
  const owner = newOwner();
  for (let index = 0; index < 24; index++) {
    const person = await newPerson(store);
    people.push(person);
    const { generation } = await ask(store, person, { content: person.externalId });
    await store.generations.finish(await claimed(store, generation, owner), owner, answer(), WINDOW);
  }
  const before = await placement();

  const added = await command('shards', 'add', 'third', `${url(servers[2]!.connection)};weight=2`);
  expect(added).toMatchObject({ code: 0, err: '' });
  expect(added.out).toContain('takes new users now');
  // The process that serves had it open before anybody could be moved there.
  expect(store.shards.all().map(({ name }) => name)).toEqual(['shard-1', 'shard-2', 'third']);
  expect(await placement()).toEqual(before);

  const rebalanced = await command('shards', 'rebalance');
  expect(rebalanced).toMatchObject({ code: 0, err: '' });
  const after = await placement();
  const moved = [...after].filter(([user, shard]) => before.get(user) !== shard);
  expect(moved.length).toBeGreaterThan(4);
  expect(new Set(moved.map(([, shard]) => shard))).toEqual(new Set([2]));
  expect(rebalanced.out).toContain(`${moved.length} users moved`);
  const status = await command('shards', 'status');
  expect(status.out).toMatch(new RegExp(`third +active +2 +${moved.length} `));
  expect(status.out).toContain('0 of 24 users are elsewhere');

  for (const person of people) {
    expect(await store.conversations.all(person.userId, 1)).toHaveLength(2);
    expect((await ask(store, person, { number: 1 })).generation.state).toBe('queued');
  }

  const drained = await command('shards', 'drain', 'third');
  expect(drained).toMatchObject({ code: 0, err: '' });
  expect(drained.out).toContain('it can be switched off');
  expect(await placement()).toEqual(before);
  expect(await servers[2]!.run('SELECT FROM messages')).toEqual([]);
  await expect
    .poll(() => store.shards.all().map(({ name }) => name), { timeout: 20_000 })
    .toEqual(['shard-1', 'shard-2']);
  await servers[2]!.kill();
  expect((await command('shards', 'status')).out).toMatch(/third +drained/);
  for (const person of people) expect(await store.conversations.all(person.userId, 1)).toHaveLength(3);
}, 180_000);

test('what is not meant is refused in one line', async () => {
  expect(await command('shards')).toMatchObject({ code: 2, err: expect.stringContaining('usage: shards') });
  expect(await command('shards', 'add', 'Fourth', 'postgresql://nobody@127.0.0.1:1/x')).toMatchObject({ code: 2 });
  expect(await command('shards', 'drain', 'nowhere')).toMatchObject({
    code: 2,
    err: expect.stringContaining('no such shard'),
  });
  const away = await command('shards', 'add', 'fourth', 'postgresql://nobody@127.0.0.1:1/x');
  expect(away).toMatchObject({ code: 6, err: expect.stringContaining('fourth') });
  expect((await command('shards', 'status')).out).not.toContain('fourth');
  const foreign = await startPostgresServer();
  await using _ = foreign;
  const alone = { name: 'alone', primary: { connectionString: url(foreign.connection) }, replicas: [], weight: 1 };
  await (await openShardedTestStore([alone], { ...TIMINGS, newId }))[Symbol.asyncDispose]();
  const refused = await command('shards', 'add', 'fifth', url(foreign.connection));
  expect(refused).toMatchObject({ code: 6, err: expect.stringContaining('another cluster') });
  expect(await command('shards', 'drain', 'shard-2')).toMatchObject({ code: 0 });
  expect(await command('shards', 'drain', 'shard-1')).toMatchObject({
    code: 2,
    err: expect.stringContaining('the only shard'),
  });
}, 120_000);

test('deploy --init-db brings the databases up to date, and prints nothing but the configuration', async () => {
  await servers[0]!.run('CREATE DATABASE deployed');
  const database = { ...servers[0]!.connection, database: 'deployed' };
  await using upstream = await startFakeUpstream();
  await using serve = await startFakeServe();
  const deploy = () =>
    commandOn(
      { DATABASE_URLS: url(database), RAY_ADDRESS: serve.url },
      ...['deploy', '--model', 'someone/fake', '--serve-url', upstream.url, '--init-db'],
    );
  const first = await deploy();
  expect(first).toMatchObject({ code: 0 });
  expect(first.err).toMatch(/^shard-1 .*0001-.*\.sql/);
  expect(parse(first.out)).toMatchObject({ applications: [{ name: 'fake' }] });
  expect(serve.taken).toHaveLength(1);
  expect(first.err.match(/\d{4}-[\w-]+\.sql/g)).toEqual(readdirSync(SQL).toSorted());
  expect((await deploy()).err).toMatch(/^shard-1 .*up to date\n/);
});
