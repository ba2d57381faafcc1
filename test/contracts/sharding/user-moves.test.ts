import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MoveStep } from '../../../src/adapters/postgres/move-carrier.ts';
import { UserMover } from '../../../src/adapters/postgres/user-moves.ts';
import { startTestPostgres, type TestPostgres } from '../../support/postgres.ts';
import { openShardedTestStore, type ShardedTestStore, shardConfig } from '../../support/sharded-postgres.ts';
import { answer, ask, claimed, newId, newOwner, newPerson, type Person, WINDOW } from '../store/harness.ts';

const TIMINGS = { leaseMs: 15_000, trustAfterMs: 0, sweepBackoffMs: 2_000 };
const TABLES = [
  'messages',
  'conversations',
  'generations',
  'idempotency',
  'usage_daily',
  'message_archive',
  'user_items',
];

let servers: TestPostgres[];
let store: ShardedTestStore;
let other: ShardedTestStore;

beforeAll(async () => {
  servers = await Promise.all([startTestPostgres(), startTestPostgres()]);
  const shards = servers.map(({ server }, index) => shardConfig(`shard-${index}`, server.connectionOptions));
  store = await openShardedTestStore(shards, { ...TIMINGS, newId });
  // Another process, which hears of no move.
  other = await openShardedTestStore(shards, { ...TIMINGS, newId });
});

afterAll(async () => {
  await store?.[Symbol.asyncDispose]();
  await other?.[Symbol.asyncDispose]();
  for (const server of servers ?? []) await server[Symbol.asyncDispose]();
});

async function shardOf(person: Person): Promise<number> {
  const [row] = await servers[0]!.run<{ shard: number }>('SELECT shard FROM users WHERE user_id = $1', [person.userId]);
  return row!.shard;
}

async function rowsOn(shard: number, person: Person): Promise<Record<string, number>> {
  const counts = await Promise.all(
    TABLES.map(async (table) => {
      const [row] = await servers[shard]!.run<{ count: string }>(`SELECT count(*) FROM ${table} WHERE user_id = $1`, [
        person.userId,
      ]);
      return [table, Number(row!.count)] as const;
    }),
  );
  return Object.fromEntries(counts);
}

const NOTHING = Object.fromEntries(TABLES.map((table) => [table, 0]));

async function expectWholeOn(shard: number, person: Person, rows: Record<string, number>): Promise<void> {
  expect(await shardOf(person)).toBe(shard);
  expect(await rowsOn(shard, person)).toEqual(rows);
  expect(await rowsOn(1 - shard, person)).toEqual(NOTHING);
  expect(await servers[0]!.run('SELECT FROM user_moves WHERE user_id = $1', [person.userId])).toEqual([]);
}

async function moveAway(person: Person, mover?: UserMover): Promise<number> {
  await using own = new UserMover(store.shards);
  const target = 1 - (await shardOf(person));
  expect(await (mover ?? own).move(person.userId, target)).toMatchObject({ kind: 'moved' });
  return target;
}

/** Answered twice, one dead letter, one that runs, one that waits. */
async function livedIn(person: Person) {
  const owner = newOwner();
  const idempotency = { key: 'once', bodyHash: 'aa' };
  const first = await ask(store, person, { content: 'First?', idempotency });
  await store.generations.finish(
    await claimed(store, first.generation, owner),
    owner,
    answer({ text: 'One.' }),
    WINDOW,
  );
  const number = first.generation.conversationNumber;
  const second = await ask(store, person, { number, content: 'Second?' });
  const dead = answer({
    state: 'failed',
    text: '',
    usage: null,
    error: { code: 'generation_failed', message: 'x' },
    deadLetter: true,
  });
  await store.generations.finish(await claimed(store, second.generation, owner), owner, dead, WINDOW);
  const running = await ask(store, person, { content: 'Third?' });
  const held = await claimed(store, running.generation, owner);
  const waiting = await ask(store, person, { number: running.generation.conversationNumber, content: 'Fourth?' });
  return { owner, idempotency, first, second, held, waiting };
}

describe('a move', () => {
  test('takes everything along, for processes that have not heard of it too', async () => {
    const person = await newPerson(store);
    const { owner, idempotency, first, second, held, waiting } = await livedIn(person);
    await store.items.put(person.userId, { id: newOwner(), kind: 'folder', name: 'Thesis' }, 10);
    // What the other process knows is stale from the move on.
    const before = {
      list: await other.conversations.list(person.userId, { limit: 10 }),
      all: await other.conversations.all(person.userId, 1),
      branch: await other.conversations.branch(person.userId, 1, { limit: 10 }),
      found: await other.generations.find(first.generation.id),
      waiting: await other.outbox.countWaiting(person.userId),
      items: await other.items.list(person.userId),
    };
    const rows = await rowsOn(await shardOf(person), person);
    const target = await moveAway(person);
    await expectWholeOn(target, person, rows);

    expect(await other.conversations.list(person.userId, { limit: 10 })).toEqual(before.list);
    expect(await other.conversations.all(person.userId, 1)).toEqual(before.all);
    expect(await other.conversations.branch(person.userId, 1, { limit: 10 })).toEqual(before.branch);
    expect(await other.generations.find(first.generation.id)).toEqual(before.found);
    expect(await other.outbox.countWaiting(person.userId)).toBe(before.waiting);
    expect(await other.items.list(person.userId)).toEqual(before.items);
    expect((await other.deadLetters.list({ workspaceId: person.workspaceId, limit: 10 })).map(({ id }) => id)).toEqual([
      second.generation.id,
    ]);
    expect((await ask(other, person, { content: 'First?', idempotency })).replayed).toBe(true);

    // The owner of what runs goes on, and whoever waits comes after it.
    expect(await other.generations.heartbeat(owner, [held])).toEqual(new Map([[held.id, 'held']]));
    expect(await other.generations.claim(waiting.generation, newOwner())).toEqual({ kind: 'conversation-busy' });
    const finished = await other.generations.finish(held, owner, answer({ text: 'Three.' }), WINDOW);
    expect(finished.kind === 'finished' && finished.dispatched.map(({ id }) => id)).toEqual([waiting.generation.id]);
    expect((await other.conversations.message(person.userId, held.id))?.content).toBe('Three.');
  });

  test('leaves the lease to decide until the owner is heard on the new shard', async () => {
    const person = await newPerson(store);
    const owner = newOwner();
    await using _declared = await store.generations.own(owner);
    const { generation } = await ask(store, person);
    const held = await claimed(store, generation, owner);
    const target = await moveAway(person);
    const locked = async () =>
      (
        await servers[target]!.run<{ owner_locked: boolean }>('SELECT owner_locked FROM generations WHERE id = $1', [
          held.id,
        ])
      )[0]!.owner_locked;
    expect(await locked()).toBe(false);
    expect(await store.generations.claim(generation, newOwner())).toEqual({ kind: 'owned', owner });
    await store.generations.heartbeat(owner, [held]);
    expect(await locked()).toBe(true);
  });

  test('goes there and back as often as one likes', async () => {
    const person = await newPerson(store);
    await livedIn(person);
    const rows = await rowsOn(await shardOf(person), person);
    for (let round = 0; round < 4; round++) await expectWholeOn(await moveAway(person), person, rows);
    expect((await ask(other, person)).generation.state).toBe('queued');
  });

  test('keeps the order of a line, and of a user who had nothing yet only the place', async () => {
    const person = await newPerson(store);
    const accepted = [];
    for (let index = 0; index < 6; index++) accepted.push((await ask(store, person)).generation.id);
    await moveAway(person);
    const dispatched: string[] = [...accepted.slice(0, 2)];
    while (dispatched.length < 6) {
      const owner = newOwner();
      const held = await claimed(store, (await store.generations.find(dispatched.at(-2)!))!, owner);
      const finished = await store.generations.finish(held, owner, answer(), WINDOW);
      if (finished.kind === 'finished') dispatched.push(...finished.dispatched.map(({ id }) => id));
    }
    expect(dispatched).toEqual(accepted);
    const stranger = await newPerson(store);
    await expectWholeOn(await moveAway(stranger), stranger, NOTHING);
  });

  test('of a large user copies what is old before it freezes, and what changed meanwhile after', async () => {
    const person = await newPerson(store);
    const owner = newOwner();
    const { generation } = await ask(store, person);
    await store.generations.finish(await claimed(store, generation, owner), owner, answer(), WINDOW);
    const quiet = (await ask(store, person)).generation;
    const source = await shardOf(person);
    for (const [number, count] of [
      [generation.conversationNumber, 3000],
      [quiet.conversationNumber, 2000],
    ] as const) {
      await servers[source]!.run(
        `WITH c AS (UPDATE conversations SET message_count = message_count + $3 WHERE user_id = $1 AND number = $2 RETURNING id, first_id, last_id)
         INSERT INTO messages (id, conversation_id, user_id, parent_id, role, status, content, created_at)
         SELECT overlay(c.first_id::text PLACING lpad(to_hex(n), 12, '0') FROM 25)::uuid, c.id, $1, NULL, 'user', 'done', 'old ' || n, now()
         FROM c, generate_series(1, $3) AS n ON CONFLICT DO NOTHING`,
        [person.userId, number, count],
      );
      await servers[source]!.run(
        `UPDATE conversations SET first_id = (SELECT min(id::text)::uuid FROM messages WHERE conversation_id = conversations.id),
           last_id = (SELECT max(id::text)::uuid FROM messages WHERE conversation_id = conversations.id) WHERE user_id = $1 AND number = $2`,
        [person.userId, number],
      );
    }
    const rows = await rowsOn(source, person);
    const target = 1 - source;
    let asked: string | undefined;
    await using mover = new UserMover(store.shards, async (step) => {
      if (step !== 'copied-before' || asked !== undefined) return;
      // In one conversation a message that was copied changes, in another one comes.
      await store.conversations.setFeedback(person.userId, generation.conversationNumber, generation.id, {
        rating: 'up',
      });
      asked = (await ask(store, person, { number: quiet.conversationNumber })).generation.id;
      const moving = await servers[target]!.run<{ count: string }>('SELECT count(*) FROM messages WHERE user_id = $1', [
        person.userId,
      ]);
      expect(Number(moving[0]!.count)).toBe(rows.messages);
    });
    await moveAway(person, mover);
    await expectWholeOn(target, person, { ...rows, messages: rows.messages! + 1, generations: rows.generations! + 1 });
    expect(await store.generations.find(asked!)).toMatchObject({ id: asked });
    expect((await store.conversations.message(person.userId, generation.id))?.feedback).toEqual({ rating: 'up' });
  }, 120_000);
});

class Killed extends Error {}

describe('a mover that dies', () => {
  test.each<MoveStep>(['begun', 'frozen', 'copied', 'flipped', 'retired', 'ended'])(
    'after the step "%s" leaves a move that the next one finishes',
    async (last) => {
      const person = await newPerson(store);
      await livedIn(person);
      const source = await shardOf(person);
      const rows = await rowsOn(source, person);
      {
        await using dying = new UserMover(store.shards, async (step) => {
          if (step === last) throw new Killed();
        });
        await expect(dying.move(person.userId, 1 - source)).rejects.toThrow(Killed);
      }
      const asking = ask(other, person, { number: 1, content: 'While it stands still' });
      await using next = new UserMover(store.shards);
      await next.resume();
      expect((await asking).generation.state).toBe('queued');
      await expectWholeOn(1 - source, person, {
        ...rows,
        messages: rows.messages! + 1,
        generations: rows.generations! + 1,
      });
    },
  );

  test.each<MoveStep>(['begun', 'frozen', 'copied', 'flipped', 'retired'])(
    'or only sleeps after "%s", and wakes when the user has come back, changes nothing',
    async (last) => {
      const person = await newPerson(store);
      await livedIn(person);
      const source = await shardOf(person);
      const rows = await rowsOn(source, person);
      const asleep = Promise.withResolvers<void>();
      const wake = Promise.withResolvers<void>();
      await using sleeper = new UserMover(store.shards, async (step) => {
        if (step !== last) return;
        asleep.resolve();
        await wake.promise;
      });
      const sleeping = sleeper.move(person.userId, 1 - source).catch((error: unknown) => error);
      await asleep.promise;
      await servers[0]!.run(`UPDATE user_moves SET touched_at = touched_at - interval '1 hour' WHERE user_id = $1`, [
        person.userId,
      ]);
      await using next = new UserMover(other.shards);
      await next.resume();
      await expectWholeOn(1 - source, person, rows);
      // Its lock stands for as long as its connection does.
      expect(await next.move(person.userId, source)).toEqual({ kind: 'busy' });
      await servers[0]!.run(
        `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1128415493`,
      );
      await expect.poll(() => next.move(person.userId, source).catch(() => null)).toMatchObject({ kind: 'moved' });
      await ask(other, person, { number: 1, content: 'Back again' });
      wake.resolve();
      await sleeping;
      await expectWholeOn(source, person, {
        ...rows,
        messages: rows.messages! + 1,
        generations: rows.generations! + 1,
      });
    },
  );
});

test('nobody is moved onto a shard that a living process does not have open, nor onto one that takes nobody', async () => {
  const person = await newPerson(store);
  const target = 1 - (await shardOf(person));
  await using mover = new UserMover(store.shards);
  await servers[0]!.run(`INSERT INTO shard_processes (id, open, seen_at) VALUES ('another', '{}', now())`);
  expect(await mover.move(person.userId, target)).toEqual({ kind: 'not-open' });
  await servers[0]!.run(`UPDATE shard_processes SET seen_at = seen_at - interval '1 minute' WHERE id = 'another'`);
  await servers[0]!.run(`UPDATE shards SET state = 'draining' WHERE id = $1`, [target]);
  expect(await mover.move(person.userId, target)).toEqual({ kind: 'closed' });
  await servers[0]!.run(`UPDATE shards SET state = 'active' WHERE id = $1`, [target]);
  expect(await mover.move(person.userId, target)).toMatchObject({ kind: 'moved' });
  expect(await mover.move(person.userId, target)).toEqual({ kind: 'there' });
  expect(await mover.move(newId(), target)).toEqual({ kind: 'unknown' });
});
