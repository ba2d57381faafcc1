import { afterAll, beforeAll, expect, test } from 'vitest';
import { archiveMonths } from '../../../src/adapters/postgres/archive.ts';
import type { MoveStep } from '../../../src/adapters/postgres/move-carrier.ts';
import { UserMover } from '../../../src/adapters/postgres/user-moves.ts';
import { answeredAt, growTree, monthsAgo, readInEveryWay, seeded } from '../../support/old-conversations.ts';
import { startTestPostgres, type TestPostgres } from '../../support/postgres.ts';
import { openShardedTestStore, type ShardedTestStore, shardConfig } from '../../support/sharded-postgres.ts';
import { newId, newPerson, type Person } from '../store/harness.ts';

const NEVER = new AbortController().signal;

let servers: TestPostgres[];
let store: ShardedTestStore;

beforeAll(async () => {
  servers = await Promise.all([startTestPostgres(), startTestPostgres()]);
  const shards = servers.map(({ server }, index) => shardConfig(`shard-${index}`, server.connectionOptions));
  store = await openShardedTestStore(shards, { leaseMs: 15_000, trustAfterMs: 0, sweepBackoffMs: 2_000, newId });
});

afterAll(async () => {
  await store?.[Symbol.asyncDispose]();
  for (const server of servers ?? []) await server[Symbol.asyncDispose]();
});

const archive = () => Promise.all(store.shards.all().map(({ db }) => archiveMonths(db, 1, NEVER)));
const shardOf = async (person: Person) => (await store.shards.locate(person.userId))!.id;

async function chunksOn(shard: number, person: Person): Promise<number> {
  const rows = await servers[shard]!.run('SELECT FROM message_archive WHERE user_id = $1', [person.userId]);
  return rows.length;
}

test('an archive goes along with its user, and is read there as it was', async () => {
  const person = await newPerson(store);
  const number = await growTree(store, person, 25, seeded(3));
  await archive();
  const before = await readInEveryWay(store, person, number);
  const source = await shardOf(person);
  const chunks = await chunksOn(source, person);
  expect(chunks).toBeGreaterThan(2);
  await using mover = new UserMover(store.shards);
  expect(await mover.move(person.userId, 1 - source)).toMatchObject({ kind: 'moved' });
  expect(await readInEveryWay(store, person, number)).toEqual(before);
  expect([await chunksOn(source, person), await chunksOn(1 - source, person)]).toEqual([0, chunks]);
  await store.conversations.setFeedback(person.userId, number, String(Object.keys(before).at(-1)).slice(-36), null);
  await archive();
  expect(await mover.move(person.userId, source)).toMatchObject({ kind: 'moved' });
  expect(await readInEveryWay(store, person, number)).toEqual(before);
});

test('a large archive is copied before the freeze, and what changed of it after', async () => {
  const person = await newPerson(store);
  const first = await answeredAt(store, person, monthsAgo(3));
  const source = await shardOf(person);
  // Text that hardly packs.
  await servers[source]!.run(
    `INSERT INTO messages (id, conversation_id, user_id, parent_id, role, status, content, created_at)
     SELECT overlay($2::text PLACING lpad(to_hex(n), 12, '0') FROM 25)::uuid, $3, $1, $2::uuid, 'user', 'done',
       (SELECT string_agg(md5(random()::text || n || m), '') FROM generate_series(1, 500) AS m), now()
     FROM generate_series(1, 700) AS n`,
    [person.userId, first.id, first.conversationId],
  );
  await servers[source]!.run('UPDATE conversations SET last_id = $2 WHERE id = $1', [first.conversationId, newId()]);
  const second = await answeredAt(store, person, monthsAgo(2), { number: 1 });
  await archive();
  const fresh = await answeredAt(store, person, monthsAgo(2, 9), { number: 1 });
  const before = await store.conversations.all(person.userId, 1);

  const steps: MoveStep[] = [];
  let copied = 0;
  await using mover = new UserMover(store.shards, async (step) => {
    if (step === 'copied-before' && !steps.includes(step)) {
      copied = await chunksOn(1 - source, person);
      // One chunk is replaced by another of the same place, one comes.
      await store.conversations.setFeedback(person.userId, 1, second.id, null);
      await archive();
    }
    steps.push(step);
  });
  expect(await mover.move(person.userId, 1 - source)).toMatchObject({ kind: 'moved' });
  expect(steps).toContain('copied-before');
  expect(copied).toBeGreaterThan(4);
  expect(await store.conversations.all(person.userId, 1)).toEqual(before);
  expect(await store.generations.find(fresh.id)).toMatchObject({ id: fresh.id });
  expect(await chunksOn(source, person)).toBe(0);
}, 120_000);
