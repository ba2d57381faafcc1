import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyRules, asOnlyKeeper, keepData } from '../../src/adapters/postgres/keep-data.ts';
import { partitionMonthsAhead } from '../../src/adapters/postgres/partitions.ts';
import { singleShard } from '../../src/adapters/postgres/shards.ts';
import { answeredAt, monthsAgo } from '../support/old-conversations.ts';
import { openTestStore, startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { ask, newId, newPerson, type Person } from './store/harness.ts';

const OPTIONS = { leaseMs: 15_000, trustAfterMs: 0, sweepBackoffMs: 2_000, newId };
const DAY_MS = 24 * 60 * 60 * 1000;
const RULES = { archiveAfterMonths: 0, retentionMonths: 0, idempotencyTtlMs: 7 * DAY_MS };

let postgres: TestPostgres;
let store: Awaited<ReturnType<typeof openTestStore>>;

beforeAll(async () => {
  postgres = await startTestPostgres();
  store = await openTestStore(postgres, OPTIONS);
});

afterAll(async () => {
  await store?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
});

const apply = (rules: Partial<typeof RULES>) =>
  applyRules(store.db, { ...RULES, ...rules }, new AbortController().signal);

async function rowsOf(person: Person): Promise<Record<string, number>> {
  const counts = ['messages', 'generations', 'message_archive', 'idempotency', 'conversations'].map(
    (table) => `(SELECT count(*)::integer FROM ${table} WHERE user_id = $1) AS ${table}`,
  );
  return (await postgres.run<Record<string, number>>(`SELECT ${counts.join(', ')}`, [person.userId]))[0]!;
}

test('a deleted conversation is emptied, its archive too, and its number is not given again', async () => {
  const person = await newPerson(store);
  const idempotency = { key: 'once', bodyHash: 'aa' };
  const first = await answeredAt(store, person, monthsAgo(3), { content: 'Long ago' });
  const number = first.conversationNumber;
  await apply({ archiveAfterMonths: 1 });
  await answeredAt(store, person, Date.now(), { number, idempotency });
  await store.conversations.remove(person.userId, number);
  expect(await apply({})).toMatchObject({ purged: 0 });
  await postgres.run(`UPDATE conversations SET deleted_at = deleted_at - interval '2 hours' WHERE user_id = $1`, [
    person.userId,
  ]);
  expect(await apply({})).toMatchObject({ purged: 1 });
  expect(await rowsOf(person)).toEqual({
    messages: 0,
    generations: 0,
    message_archive: 0,
    idempotency: 0,
    conversations: 1,
  });
  expect((await ask(store, person)).generation.conversationNumber).toBe(number + 1);
  expect(await apply({})).toMatchObject({ purged: 0 });
});

test('with a bound on age, what was not touched for longer is deleted, and nothing that is being answered', async () => {
  const person = await newPerson(store);
  const [old, open, young] = [
    await answeredAt(store, person, monthsAgo(5)),
    await answeredAt(store, person, monthsAgo(5)),
    await answeredAt(store, person, monthsAgo(5)),
  ].map(({ conversationNumber }) => conversationNumber);
  await ask(store, person, { number: open! });
  const untouched = `UPDATE conversations SET updated_at = now() - interval '13 months' WHERE user_id = $1 AND number = ANY ($2)`;
  await postgres.run(untouched, [person.userId, [old, open]]);
  expect(await apply({ retentionMonths: 14 })).toMatchObject({ expired: 0 });
  expect(await apply({ retentionMonths: 12 })).toMatchObject({ expired: 1 });
  const { items } = await store.conversations.list(person.userId, { limit: 10 });
  expect(items.map(({ number }) => number).sort()).toEqual([open, young]);
});

test('an idempotency key is known for its time, and then forgotten', async () => {
  const person = await newPerson(store);
  const idempotency = { key: 'once', bodyHash: 'aa' };
  await ask(store, person, { idempotency });
  await apply({});
  expect((await ask(store, person, { idempotency })).replayed).toBe(true);
  await postgres.run(`UPDATE idempotency SET created_at = created_at - interval '8 days' WHERE user_id = $1`, [
    person.userId,
  ]);
  expect(await apply({})).toMatchObject({ keys: 1 });
  expect((await ask(store, person, { idempotency })).replayed).toBe(false);
});

test('of several keepers one works at a time, and partitions are made ahead again', async () => {
  const person = await newPerson(store);
  await answeredAt(store, person, monthsAgo(4));
  await postgres.run(`DO $$ BEGIN
    EXECUTE 'DROP TABLE messages_' || to_char((now() AT TIME ZONE 'UTC') + interval '5 months', 'YYYY_MM');
  END $$`);
  expect(await partitionMonthsAhead(store.db)).toBe(4);
  await asOnlyKeeper(store.db, async () => {
    expect(await asOnlyKeeper(store.db, async () => 'both')).toBeNull();
    await using _idle = keepData(singleShard(store.db), { ...RULES, archiveAfterMonths: 1 });
    await expect.poll(() => partitionMonthsAhead(store.db), { timeout: 20_000 }).toBe(13);
  });
  expect(await rowsOf(person)).toMatchObject({ messages: 2 });
  await using _keeper = keepData(singleShard(store.db), { ...RULES, archiveAfterMonths: 1 });
  await expect.poll(() => rowsOf(person), { timeout: 20_000 }).toMatchObject({ messages: 0, message_archive: 1 });
});
