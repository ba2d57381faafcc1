import { BrokenCircuitError } from 'cockatiel';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { MemoryRoutes } from '../../../src/adapters/memory/routes.ts';
import { addShard, setShardState } from '../../../src/adapters/postgres/shard-list.ts';
import { UserMover } from '../../../src/adapters/postgres/user-moves.ts';
import { SystemClock } from '../../../src/adapters/system/clock.ts';
import type { ChatError } from '../../../src/protocol/errors.ts';
import { type PostgresServer, startPostgresServer } from '../../support/postgres-server.ts';
import { openShardedTestStore, type ShardedOptions, shardConfig } from '../../support/sharded-postgres.ts';
import { answer, ask, claimed, newId, newOwner, newPerson, type Person, sweepFor, WINDOW } from '../store/harness.ts';

const TIMINGS = { leaseMs: 15_000, trustAfterMs: 0, sweepBackoffMs: 2_000 };
const MANY = { timeout: 60_000, interval: 100 };

let directory: PostgresServer;
let servers: PostgresServer[];

beforeAll(async () => {
  [directory, ...servers] = (await Promise.all([1, 2, 3].map(() => startPostgresServer()))) as [
    PostgresServer,
    ...PostgresServer[],
  ];
});

afterAll(async () => {
  for (const server of [directory, ...(servers ?? [])]) await server?.[Symbol.asyncDispose]();
});

const shards = () => servers.map(({ connection }, index) => shardConfig(`shard-${index}`, connection));

/** A store of its own for the test, whose shards other stores of it may be moved onto at once. */
async function openStore(more: Partial<ShardedOptions> = {}) {
  const store = await openShardedTestStore(shards(), { ...TIMINGS, newId, directory: directory.connection, ...more });
  onTestFinished(() => store[Symbol.asyncDispose]());
  await store.shards.refresh().catch(() => {});
  return store;
}

type Store = Awaited<ReturnType<typeof openStore>>;

async function personOn(store: Store, shard: number): Promise<Person> {
  for (;;) {
    const person = await newPerson(store);
    if ((await store.shards.locate(person.userId))?.id === shard) return person;
  }
}

async function code(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => 'done',
    (error: { code?: string; details?: { shard?: string } }) => [error.code, error.details?.shard],
  );
}

async function untilUp(store: Store): Promise<void> {
  await expect
    .poll(() => [...store.shards.status().map(({ state }) => state), store.shards.directory.isUp], MANY)
    .not.toContain('down');
  await expect.poll(() => store.shards.directory.isUp, MANY).toBe(true);
}

describe.each(['kill', 'pause'] as const)('a shard that is away (%s)', (how) => {
  test('takes its own users with it and nobody else, by name, and comes back', async () => {
    const store = await openStore();
    const here = await personOn(store, 0);
    const there = await personOn(store, 1);
    const owner = newOwner();
    await using _owned = await store.generations.own(owner);
    const [mine, theirs] = [(await ask(store, here)).generation, (await ask(store, there)).generation];
    const held = [await claimed(store, mine, owner), await claimed(store, theirs, owner)];
    // Of the other process nothing is known here but by asking.
    const stranger = await openStore();

    await servers[1]![how]();
    await expect.poll(() => store.shards.status()[1]!.state, MANY).toBe('down');
    await expect.poll(() => stranger.shards.status()[1]!.state, MANY).toBe('down');

    expect(await code(ask(store, there))).toEqual(['database_unavailable', 'shard-1']);
    expect(await code(store.conversations.list(there.userId, { limit: 5 }))).toEqual([
      'database_unavailable',
      'shard-1',
    ]);
    // At once: after a look or two the breaker answers, and nobody waits for the shard.
    for (const call of [() => ask(store, there), () => stranger.outbox.countWaiting(there.userId)]) {
      const refuse = () => call().catch((error: ChatError) => error);
      await expect.poll(async () => ((await refuse()) as ChatError).cause, MANY).toBeInstanceOf(BrokenCircuitError);
      expect(await refuse()).toMatchObject({ code: 'database_unavailable', status: 503, retryAfterSeconds: 2 });
    }
    expect((await ask(store, here)).generation.state).toBe('queued');
    expect(await store.generations.find(mine.id)).toMatchObject({ id: mine.id });
    // It may be there: not known is not the same as not found.
    expect(await code(store.generations.find(theirs.id))).toEqual(['database_unavailable', 'shard-1']);
    expect(await store.generations.heartbeat(owner, held)).toEqual(new Map(held.map(({ id }) => [id, 'held'])));
    await sweepFor(store, here);
    await using _late = await stranger.generations.own(newOwner());
    // Whoever comes new lives where there is room.
    const fresh = await Promise.all(Array.from({ length: 6 }, () => newPerson(store)));
    for (const { userId } of fresh) expect((await store.shards.locate(userId))?.id).toBe(0);

    await (how === 'kill' ? servers[1]!.start() : servers[1]!.resume());
    await untilUp(store);
    expect((await store.generations.finish(held[1]!, owner, answer(), WINDOW)).kind).toBe('finished');
    // Owners take their locks again, late ones too.
    await expect
      .poll(
        async () =>
          (await servers[1]!.run(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 1128415492`)).length,
        MANY,
      )
      .toBe(2);
  }, 120_000);
});

describe('a directory that is away', () => {
  test('keeps nobody out who is known, moved or not, and tells strangers to come back', async () => {
    const store = await openStore();
    const stayed = await personOn(store, 0);
    const moved = await personOn(store, 0);
    const { generation } = await ask(store, moved, { content: 'Before' });
    // They know where both were; of the move only the shards can tell them.
    const informed = await openStore();
    await informed.shards.locate(moved.userId);
    {
      await using mover = new UserMover(store.shards);
      expect(await mover.move(moved.userId, 1)).toMatchObject({ kind: 'moved' });
    }
    const uninformed = await openStore();

    await directory.kill();
    onTestFinished(async () => directory.start().catch(() => {}));
    for (const each of [store, informed, uninformed]) {
      await expect.poll(() => each.shards.directory.isUp, MANY).toBe(false);
      expect(await each.directory.ensureUser(stayed.workspaceId, stayed.externalId)).toBe(stayed.userId);
      expect(await each.directory.findUser(moved.workspaceId, moved.externalId)).toBe(moved.userId);
      expect((await ask(each, stayed)).generation.state).toBe('queued');
      expect(await each.generations.stop(generation, WINDOW)).not.toBeNull();
      expect((await each.conversations.list(moved.userId, { limit: 5 })).items).toHaveLength(1);
      expect((await ask(each, moved, { number: 1 })).generation.state).toBe('queued');
      expect(await code(each.directory.ensureUser(stayed.workspaceId, 'a stranger'))).toEqual([
        'database_unavailable',
        'directory',
      ]);
      expect(await code(each.directory.findUser(stayed.workspaceId, 'a stranger'))).toEqual([
        'database_unavailable',
        'directory',
      ]);
    }
    // One that starts now finds the list of shards on a shard.
    const late = await openStore();
    expect(late.shards.all().map(({ name }) => name)).toEqual(['shard-0', 'shard-1']);
    expect((await ask(late, moved, { number: 1 })).generation.state).toBe('queued');

    await directory.start();
    await untilUp(store);
    await store.directory.ensureUser(stayed.workspaceId, 'a stranger');
  }, 120_000);

  test('and with a shard too: 503 for whoever may live there, and not 404', async () => {
    const store = await openStore();
    const people = [await personOn(store, 0), await personOn(store, 1)];
    const fresh = await openStore();
    await directory.kill();
    await servers[1]!.kill();
    onTestFinished(async () => {
      await directory.start().catch(() => {});
      await servers[1]!.start().catch(() => {});
    });
    await expect.poll(() => fresh.shards.directory.isUp || fresh.shards.status()[1]!.state === 'up', MANY).toBe(false);
    expect((await ask(fresh, people[0]!)).generation.state).toBe('queued');
    expect(await code(ask(fresh, people[1]!))).toMatchObject(['database_unavailable', expect.anything()]);
    expect(await code(fresh.conversations.list(people[1]!.userId, { limit: 5 }))).toMatchObject([
      'database_unavailable',
      expect.anything(),
    ]);
  }, 120_000);
});

test('a generation is found by its route, and where that is lost by asking everywhere', async () => {
  const routes = new MemoryRoutes(new SystemClock());
  const store = await openStore({ routes });
  await untilUp(store);
  const person = await personOn(store, 1);
  const { generation } = await ask(store, person);
  expect(await routes.get(generation.id)).toBe(person.userId);
  expect(await store.generations.find(generation.id)).toEqual(generation);
  expect(await (await openStore()).generations.find(generation.id)).toEqual(generation);
  expect(await store.generations.find(newId())).toBeNull();
});

test('a new shard is opened by processes that run, users are moved onto it and found, and drained again', async () => {
  await using added = await startPostgresServer();
  const running = await openStore();
  const owner = newOwner();
  await using _owned = await running.generations.own(owner);
  await untilUp(running);
  const people = await Promise.all(Array.from({ length: 12 }, () => newPerson(running)));
  for (const person of people) await ask(running, person, { content: person.externalId });
  const placement = async () =>
    await Promise.all(people.map(async ({ userId }) => (await running.shards.locate(userId))!.id));
  const before = await placement();

  await addShard(running.shards.directory, shardConfig('shard-2', added.connection));
  await expect.poll(() => running.shards.all().map(({ id }) => id), MANY).toEqual([0, 1, 2]);
  await expect
    .poll(
      async () => (await added.run(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 1128415492`)).length,
      MANY,
    )
    .toBe(1);
  expect(await placement()).toEqual(before);
  await setShardState(running.shards.directory, 2, 'active');
  await running.shards.refresh();

  await using mover = new UserMover(running.shards);
  for (const { userId } of people) await mover.move(userId, running.shards.preferred(userId));
  const after = await placement();
  for (const [index, shard] of after.entries()) if (shard !== before[index]) expect(shard).toBe(2);
  for (const person of people) expect(await running.conversations.all(person.userId, 1)).toHaveLength(1);

  await setShardState(running.shards.directory, 2, 'draining');
  await running.shards.refresh();
  for (const { userId } of people) await mover.move(userId, running.shards.preferred(userId));
  expect(await placement()).toEqual(before);
  expect(await added.run('SELECT FROM messages')).toEqual([]);
  await setShardState(running.shards.directory, 2, 'drained');
  await expect.poll(() => running.shards.all().map(({ id }) => id), MANY).toEqual([0, 1]);
}, 120_000);

test('an address that leads to another database than it should is refused', async () => {
  await using other = await startPostgresServer();
  await using _own = await openShardedTestStore([shardConfig('alone', other.connection)], { ...TIMINGS, newId });
  const store = await openStore();
  await untilUp(store);
  await addShard(store.shards.directory, shardConfig('foreign', other.connection));
  onTestFinished(async () => {
    await directory.run(`DELETE FROM shards WHERE name = 'foreign'`);
  });
  await store.shards.refresh();
  expect(store.shards.status().find(({ name }) => name === 'foreign')).toMatchObject({
    state: 'down',
    trouble: expect.stringContaining('another cluster'),
  });
}, 60_000);
