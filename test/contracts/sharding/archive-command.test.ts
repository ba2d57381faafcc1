import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answeredAt, monthsAgo } from '../../support/old-conversations.ts';
import { type PostgresServer, startPostgresServer } from '../../support/postgres-server.ts';
import { openShardedTestStore, type ShardedTestStore, shardConfig } from '../../support/sharded-postgres.ts';
import { newId, newPerson, type Person } from '../store/harness.ts';

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
const PEOPLE = 8;
const CONVERSATIONS = 12;

let servers: PostgresServer[];
let store: ShardedTestStore;

beforeAll(async () => {
  servers = await Promise.all([1, 2].map(() => startPostgresServer()));
  const shards = servers.map(({ connection }, index) => shardConfig(`shard-${index + 1}`, connection));
  store = await openShardedTestStore(shards, { leaseMs: 15_000, trustAfterMs: 0, sweepBackoffMs: 2_000, newId });
});

afterAll(async () => {
  await store?.[Symbol.asyncDispose]();
  for (const server of servers ?? []) await server[Symbol.asyncDispose]();
});

function start(...words: string[]): ChildProcess {
  const DATABASE_URLS = servers
    .map(({ connection: { user, host, port, database } }) => `postgresql://${user}@${host}:${port}/${database}`)
    .join(',');
  return spawn(process.execPath, [MAIN, ...words], { env: { PATH: process.env.PATH, DATABASE_URLS } });
}

async function run(...words: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = start(...words);
  const said = { out: '', err: '' };
  child.stdout!.on('data', (text) => (said.out += text));
  child.stderr!.on('data', (text) => (said.err += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...said };
}

async function count(table: string): Promise<number> {
  const counts = await Promise.all(
    servers.map((server) => server.run<{ count: number }>(`SELECT count(*)::integer AS count FROM ${table}`)),
  );
  return counts.flat().reduce((sum, { count }) => sum + count, 0);
}

async function readAll(people: readonly Person[]): Promise<unknown> {
  return await Promise.all(
    people.map(({ userId }) =>
      Promise.all(Array.from({ length: CONVERSATIONS }, (_, index) => store.conversations.all(userId, index + 1))),
    ),
  );
}

test('the command archives every shard, is killed in the middle, and goes on where it was', async () => {
  const people: Person[] = [];
  for (let index = 0; index < PEOPLE; index++) people.push(await newPerson(store));
  await Promise.all(
    people.map(async (person) => {
      for (let index = 0; index < CONVERSATIONS; index++) {
        await answeredAt(store, person, monthsAgo(4), { text: 'Words that say the same. '.repeat(20) });
      }
    }),
  );
  const before = await readAll(people);
  const messages = await count('messages');

  for (let kills = 0; kills < 2; kills++) {
    const from = await count('message_archive');
    const child = start('archive', '2');
    while ((await count('message_archive')) === from && child.exitCode === null) await sleep(1);
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    expect(await readAll(people)).toEqual(before);
    expect((await count('messages')) + (await count('(SELECT unnest(answers) FROM message_archive) AS a')) * 2).toBe(
      messages,
    );
  }
  expect(await count('messages')).toBeGreaterThan(0);

  const done = await run('archive', '2');
  expect(done).toMatchObject({ code: 0, err: '' });
  expect(done.out).toMatch(
    /^shard-1 .*: \d+ bytes saved.*, messages_\d{4}_\d\d dropped; in all .*\nshard-2 .*bytes saved/,
  );
  expect(await count('messages')).toBe(0);
  expect(await readAll(people)).toEqual(before);
  expect(await run('archive', '2')).toMatchObject({ code: 0, out: expect.stringContaining('0 messages archived') });
}, 180_000);

test('what it is not told, or cannot reach, it says', async () => {
  expect(await run('archive')).toMatchObject({ code: 2, err: expect.stringContaining('ARCHIVE_AFTER_MONTHS') });
  expect(await run('archive', '-1')).toMatchObject({ code: 2 });
  expect(await run('archive', '--archive-after-months', '24')).toMatchObject({ code: 0 });
  await servers[1]!.kill();
  expect(await run('archive', '2')).toMatchObject({
    code: 6,
    out: expect.stringContaining('shard-1'),
    err: expect.stringContaining('not archived: shard-2'),
  });
}, 180_000);
