import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { MemoryCache } from '../../../src/adapters/memory/cache.ts';
import { MemoryGenerationQueue } from '../../../src/adapters/memory/generation-queue.ts';
import { MemoryInboxes } from '../../../src/adapters/memory/inboxes.ts';
import { MemoryTokenBudgets } from '../../../src/adapters/memory/token-budgets.ts';
import { MemoryTokenLog } from '../../../src/adapters/memory/token-log.ts';
import { MemoryWaitingLine } from '../../../src/adapters/memory/waiting-line.ts';
import { archiveMonths } from '../../../src/adapters/postgres/archive.ts';
import type { MoveStep } from '../../../src/adapters/postgres/move-carrier.ts';
import { UserMover } from '../../../src/adapters/postgres/user-moves.ts';
import { SystemClock } from '../../../src/adapters/system/clock.ts';
import { contextKey } from '../../../src/core/conversation-context.ts';
import { type DeleteUserPorts, deleteUser, finishDeletions } from '../../../src/core/delete-user.ts';
import type { UserDeletions } from '../../../src/ports/user-deletions.ts';
import { answeredAt, monthsAgo } from '../../support/old-conversations.ts';
import { type PostgresServer, startPostgresServer } from '../../support/postgres-server.ts';
import { openShardedTestStore, type ShardedTestStore, shardConfig } from '../../support/sharded-postgres.ts';
import { ask, claimed, newId, newOwner, newPerson, type Person } from '../store/harness.ts';

const DISPATCH = { perUser: 2, alone: 100 };
const STOP = { dispatch: DISPATCH, stopAckTimeoutMs: 50 };
const MANY = { timeout: 60_000, interval: 100 };
const TABLES = [
  'messages',
  'conversations',
  'generations',
  'idempotency',
  'usage_daily',
  'message_archive',
  'user_items',
  'deletion_counts',
];

let servers: PostgresServer[];
let store: ShardedTestStore;
/** Another process, which hears of no deletion. */
let other: ShardedTestStore;

const openStore = () =>
  openShardedTestStore(
    servers.map(({ connection }, index) => shardConfig(`shard-${index}`, connection)),
    { leaseMs: 15_000, trustAfterMs: 0, sweepBackoffMs: 2_000, newId },
  );

beforeAll(async () => {
  servers = await Promise.all([1, 2].map(() => startPostgresServer()));
  store = await openStore();
  other = await openStore();
});

afterAll(async () => {
  await store?.[Symbol.asyncDispose]();
  await other?.[Symbol.asyncDispose]();
  for (const server of servers ?? []) await server[Symbol.asyncDispose]();
});

function portsOf(deletions: UserDeletions = store.deletions): DeleteUserPorts {
  const clock = new SystemClock();
  const queue = new MemoryGenerationQueue({ clock });
  onTestFinished(() => queue[Symbol.asyncDispose]());
  return {
    ...store,
    clock,
    deletions,
    queue,
    line: new MemoryWaitingLine(clock),
    log: new MemoryTokenLog(),
    inboxes: new MemoryInboxes(clock),
    cache: new MemoryCache({ clock }),
    budgets: new MemoryTokenBudgets(clock),
  };
}

async function personOn(shard: number): Promise<Person> {
  for (;;) {
    const person = await newPerson(store);
    if ((await store.shards.locate(person.userId))?.id === shard) return person;
  }
}

/** Something in every table: answered, archived, running, waiting, stored under a key. */
async function livedIn(person: Person) {
  const idempotency = { key: 'once', bodyHash: 'aa' };
  const old = await answeredAt(store, person, monthsAgo(3), { content: 'Long ago' });
  const { db } = (await store.shards.locate(person.userId))!;
  await archiveMonths(db, 1, new AbortController().signal);
  await answeredAt(store, person, Date.now() - 5_000, { number: old.conversationNumber, idempotency });
  await store.items.put(person.userId, { id: newOwner(), kind: 'folder', name: 'Thesis' }, 10);
  const running = await ask(store, person);
  await claimed(store, running.generation, newOwner());
  await ask(store, person, { number: running.generation.conversationNumber });
  return { old, running: running.generation };
}

const ERASED = {
  messages: 4,
  archivedMessages: 2,
  generations: 3,
  conversations: 2,
  idempotencyKeys: 1,
  usageDays: 1,
  items: 1,
};

async function expectNothingLeft(person: Person): Promise<void> {
  for (const server of servers) {
    for (const table of TABLES) {
      const rows =
        table === 'deletion_counts' ? [] : await server.run(`SELECT FROM ${table} WHERE user_id = $1`, [person.userId]);
      expect([table, rows.length]).toEqual([table, 0]);
    }
  }
  expect(await servers[0]!.run('SELECT FROM users WHERE user_id = $1', [person.userId])).toEqual([]);
}

test('nothing is left of the user on any shard, in caches or logs; who comes back is new, at every process', async () => {
  const person = await personOn(1);
  // A stay of before has left rows behind on the other shard.
  {
    await using mover = new UserMover(store.shards);
    await mover.move(person.userId, 0);
    await livedIn(person);
    await mover.move(person.userId, 1);
  }
  await servers[0]!.run(`INSERT INTO usage_daily VALUES ($1, '2020-01-01', 'forgotten', $2, 1, 1, 1, 1)`, [
    person.userId,
    person.workspaceId,
  ]);
  const ports = portsOf();
  const [row] = await servers[1]!.run<{ id: string }>('SELECT id FROM conversations WHERE user_id = $1', [
    person.userId,
  ]);
  await ports.cache.set(contextKey(row!.id), new Uint8Array(1), 60_000);
  expect((await other.conversations.list(person.userId, { limit: 5 })).items).toHaveLength(2);
  await other.directory.ensureUser(person.workspaceId, person.externalId);

  const receipt = await deleteUser(ports, STOP, person.workspaceId, person.externalId);
  expect(receipt).toMatchObject({
    finishedAt: expect.any(Number),
    erased: { ...ERASED, usageDays: 2 },
    cleared: { stopped: 1, contexts: 2, tokenLogs: 3 },
    databases: ['shard-0', 'shard-1'],
  });
  await expectNothingLeft(person);
  expect(await ports.cache.get(contextKey(row!.id))).toBeNull();
  expect(await deleteUser(ports, STOP, person.workspaceId, person.externalId)).toEqual(receipt);

  // A process that takes the user for present is refused once, and asks then.
  await expect(ask(other, person)).rejects.toMatchObject({ code: 'database_unavailable', retryAfterSeconds: 1 });
  expect((await other.conversations.list(person.userId, { limit: 5 })).items).toEqual([]);
  const back = { ...person, userId: await other.directory.ensureUser(person.workspaceId, person.externalId) };
  expect((await ask(other, back)).generation.conversationNumber).toBe(1);
  expect((await ask(store, back, { number: 1 })).generation.state).toBe('queued');
});

class Killed extends Error {}

describe('a process that dies', () => {
  test.each(['begin', 'stop', 'close', 'traces', 'noteCleared', 'erase', 'end'] as const)(
    'after the step "%s" leaves what the next one finishes, with the same receipt',
    async (last) => {
      const person = await newPerson(store);
      await livedIn(person);
      const dying = new Proxy(store.deletions, {
        get(target, name: keyof UserDeletions) {
          return async (...args: never[]) => {
            const done = await (target[name] as (...args: never[]) => Promise<unknown>).apply(target, args);
            if (name === last) throw new Killed();
            return done;
          };
        },
      });
      await expect(deleteUser(portsOf(dying), STOP, person.workspaceId, person.externalId)).rejects.toThrow(Killed);
      await servers[0]!.run(`UPDATE user_deletions SET touched_at = '-infinity' WHERE user_id = $1`, [person.userId]);
      const over = new AbortController();
      const finishing = finishDeletions(portsOf(), STOP, over.signal);
      const receipt = () => store.deletions.lastReceipt(person.workspaceId, person.externalId);
      await expect.poll(async () => (await receipt())?.finishedAt, MANY).toEqual(expect.any(Number));
      over.abort();
      await finishing;
      expect(await receipt()).toMatchObject({ erased: ERASED, cleared: { contexts: 2, tokenLogs: 3 } });
      await expectNothingLeft(person);
    },
  );
});

test('of a user on the move it waits for the arrival; who is being deleted does not move', async () => {
  const person = await newPerson(store);
  await livedIn(person);
  const source = (await store.shards.locate(person.userId))!.id;
  const asleep = Promise.withResolvers<void>();
  const wake = Promise.withResolvers<void>();
  await using mover = new UserMover(store.shards, async (step: MoveStep) => {
    if (step !== 'copied') return;
    asleep.resolve();
    await wake.promise;
  });
  const moving = mover.move(person.userId, 1 - source);
  await asleep.promise;
  const deleting = deleteUser(portsOf(), STOP, person.workspaceId, person.externalId);
  wake.resolve();
  expect(await moving).toMatchObject({ kind: 'moved' });
  expect((await deleting).erased).toEqual(ERASED);
  await expectNothingLeft(person);

  const second = await newPerson(store);
  const deletion = (await store.deletions.begin(second.workspaceId, second.externalId))!;
  expect(await mover.move(second.userId, 1 - deletion.home)).toEqual({ kind: 'unknown' });
});

test('with a shard away the rest is done, and it is finished when that is back', async () => {
  const [there, here] = [await personOn(1), await personOn(0)];
  await livedIn(here);
  await servers[1]!.kill();
  await expect.poll(() => store.shards.status()[1]!.state, MANY).toBe('down');
  const receipt = await deleteUser(portsOf(), STOP, here.workspaceId, here.externalId);
  expect(receipt).toMatchObject({ finishedAt: null, cleared: { stopped: 1 } });
  expect(await store.directory.findUser(here.workspaceId, here.externalId)).toBeNull();
  await expect(store.directory.ensureUser(here.workspaceId, here.externalId)).rejects.toMatchObject({
    code: 'database_unavailable',
  });
  await expect(deleteUser(portsOf(), STOP, there.workspaceId, there.externalId)).rejects.toMatchObject({
    code: 'database_unavailable',
  });

  await servers[1]!.start();
  await expect.poll(() => store.shards.status()[1]!.state, MANY).toBe('up');
  for (const person of [here, there]) {
    const finished = await deleteUser(portsOf(), STOP, person.workspaceId, person.externalId);
    expect(finished.finishedAt).not.toBeNull();
    await expectNothingLeft(person);
  }
}, 120_000);
