import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { archiveMonths, archiveTotals } from '../../src/adapters/postgres/archive.ts';
import { answeredAt, growTree, monthsAgo, readInEveryWay, seeded } from '../support/old-conversations.ts';
import { openTestStore, startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { answer, ask, claimed, newId, newOwner, newPerson, type Person, WINDOW } from './store/harness.ts';

const OPTIONS = { leaseMs: 15_000, trustAfterMs: 0, sweepBackoffMs: 2_000, newId };
const NEVER = new AbortController().signal;

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

const archive = (months: number) => archiveMonths(store.db, months, NEVER);

async function countsOf(person: Person): Promise<Record<string, number>> {
  const counts = ['messages', 'generations', 'message_archive', 'idempotency'].map(
    (table) => `(SELECT count(*)::integer FROM ${table} WHERE user_id = $1) AS ${table}`,
  );
  const [row] = await postgres.run<Record<string, number>>(`SELECT ${counts.join(', ')}`, [person.userId]);
  return row!;
}

async function partitions(): Promise<string[]> {
  const rows = await postgres.run<{ name: string }>('SELECT name FROM message_partitions() ORDER BY name');
  return rows.map(({ name }) => name);
}

const partitionOf = (time: number) => `messages_${new Date(time).toISOString().slice(0, 7).replace('-', '_')}`;

describe('reading', () => {
  test.each([1, 2, 3, 4])(
    'says of a tree the same after as before, in every way (seed %i)',
    async (seed) => {
      const random = seeded(seed);
      const person = await newPerson(store);
      const number = await growTree(store, person, 40, random);
      const before = await readInEveryWay(store, person, number);
      const rows = await countsOf(person);
      for (const months of [4, 2, 1]) {
        await archive(months);
        expect(await readInEveryWay(store, person, number)).toEqual(before);
      }
      const after = await countsOf(person);
      expect(after.messages).toBeLessThan(rows.messages! / 2);
      expect(after.generations).toBeLessThan(rows.generations! / 2);
      expect(after.message_archive).toBeGreaterThan(2);
    },
    120_000,
  );

  test('goes on while archivers and thaws take messages to and fro', async () => {
    const person = await newPerson(store);
    const number = await growTree(store, person, 30, seeded(7));
    const before = (await store.conversations.all(person.userId, number))!;
    const answers = before.filter(({ role }) => role === 'assistant');
    const branch = await store.conversations.branch(person.userId, number, { limit: 200 });
    const over = new AbortController();
    const disturbing = (async () => {
      for (let turn = 0; !over.signal.aborted; turn++) {
        await archive(1);
        const { id } = answers[turn % answers.length]!;
        await store.conversations.setFeedback(person.userId, number, id, null);
      }
    })();
    onTestFinished(async () => {
      over.abort();
      await disturbing;
    });
    for (let look = 0; look < 40; look++) {
      expect(await store.conversations.all(person.userId, number)).toEqual(before);
      expect(await store.conversations.branch(person.userId, number, { limit: 200 })).toEqual(branch);
      const { id } = answers[look % answers.length]!;
      expect((await store.conversations.message(person.userId, id))?.id).toBe(id);
      expect((await store.generations.find(id))?.id).toBe(id);
    }
  }, 120_000);
});

describe('writing', () => {
  test('into an archived conversation works as before, and is archived in its turn', async () => {
    const person = await newPerson(store);
    const first = await answeredAt(store, person, monthsAgo(4), { content: 'Long ago' });
    const number = first.conversationNumber;
    const second = await answeredAt(store, person, monthsAgo(3), { number, content: 'Later' });
    await archive(1);
    expect(await countsOf(person)).toMatchObject({ messages: 0, generations: 0, message_archive: 2 });

    const next = await answeredAt(store, person, Date.now() - 1000, { number, content: 'Now' });
    expect(await countsOf(person)).toMatchObject({ messages: 2, message_archive: 2 });
    const again = await ask(store, person, { number, regenerate: second.id });
    expect(again.generation.requestMessageId).toBe(second.requestMessageId);
    const branched = await ask(store, person, { number, parentId: first.id, content: 'Instead' });
    const owner = newOwner();
    for (const { generation } of [again, branched]) {
      await store.generations.finish(await claimed(store, generation, owner), owner, answer(), WINDOW);
    }
    expect(await store.conversations.setFeedback(person.userId, number, first.id, { rating: 'up' })).toBe(true);
    expect((await store.conversations.update(person.userId, number, { title: 'Renamed' }))?.title).toBe('Renamed');

    const before = await readInEveryWay(store, person, number);
    expect(before[`up to ${next.id}`]).toHaveLength(6);
    expect(before[`up to ${branched.generation.id}`]).toHaveLength(4);
    await archive(1);
    expect(await countsOf(person)).toMatchObject({ messages: 5, generations: 3, message_archive: 2 });
    expect(await readInEveryWay(store, person, number)).toEqual(before);
    expect((await store.conversations.message(person.userId, first.id))?.feedback).toEqual({ rating: 'up' });

    expect(await store.generations.stop(first, WINDOW)).toMatchObject({
      kind: 'terminal',
      generation: { id: first.id },
    });
    await expect(ask(store, person, { number, regenerate: newId() })).rejects.toMatchObject({
      code: 'message_not_found',
    });
    await store.conversations.remove(person.userId, number);
    expect(await store.conversations.all(person.userId, number)).toBeNull();
    expect(await store.conversations.message(person.userId, first.id)).toBeNull();
    expect(await store.generations.find(first.id)).toBeNull();
  });

  test('of a clock that is far behind joins the chunk of its month', async () => {
    const person = await newPerson(store);
    const first = await answeredAt(store, person, monthsAgo(3, 3));
    const number = first.conversationNumber;
    await answeredAt(store, person, monthsAgo(3, 9), { number });
    await archive(1);
    await answeredAt(store, person, monthsAgo(3, 6), { number });
    await answeredAt(store, person, monthsAgo(3, 1), { number });
    await answeredAt(store, person, monthsAgo(3, 12), { number });
    const before = await readInEveryWay(store, person, number);
    await archive(1);
    expect(await countsOf(person)).toMatchObject({ messages: 0, message_archive: 3 });
    expect(await readInEveryWay(store, person, number)).toEqual(before);
    const chunks = await postgres.run<{ from_id: string; to_id: string }>(
      'SELECT from_id, to_id FROM message_archive WHERE user_id = $1 ORDER BY to_id',
      [person.userId],
    );
    for (const [index, { from_id }] of chunks.entries())
      if (index > 0) expect(from_id > chunks[index - 1]!.to_id).toBe(true);
  });
});

describe('an archiver', () => {
  test('packs large months into several chunks, counts what it saves and drops what is empty', async () => {
    await archive(1);
    const person = await newPerson(store);
    const first = await answeredAt(store, person, monthsAgo(6));
    await postgres.run(
      `INSERT INTO messages (id, conversation_id, user_id, parent_id, role, status, content, created_at)
       SELECT overlay($2::text PLACING lpad(to_hex(n), 12, '0') FROM 25)::uuid, $3, $1, $2::uuid, 'user', 'done',
         repeat('Words that repeat. ', 40) || n, now() FROM generate_series(1, 1200) AS n`,
      [person.userId, first.id, first.conversationId],
    );
    await postgres.run('UPDATE conversations SET last_id = $2 WHERE id = $1', [first.conversationId, newId()]);
    const before = await store.conversations.all(person.userId, 1);
    const [totals, month] = [await archiveTotals(store.db), partitionOf(monthsAgo(6))];
    expect(await partitions()).toContain(month);
    const done = await archive(1);
    expect(done).toMatchObject({ messages: 1202, dropped: expect.arrayContaining([month]) });
    expect(done.packedBytes).toBeLessThan(done.rawBytes / 10);
    expect(await archiveTotals(store.db)).toEqual({
      messages: totals.messages + done.messages,
      rawBytes: totals.rawBytes + done.rawBytes,
      packedBytes: totals.packedBytes + done.packedBytes,
    });
    expect(await countsOf(person)).toMatchObject({ messages: 0, message_archive: 3 });
    expect(await partitions()).not.toContain(month);
    expect(await store.conversations.all(person.userId, 1)).toEqual(before);
    expect(await archive(1)).toMatchObject({ messages: 0, dropped: [] });
  });

  test('leaves what is unfinished or may be replayed, and takes idempotency keys along', async () => {
    const person = await newPerson(store);
    const idempotency = { key: 'once', bodyHash: 'aa' };
    const kept = await answeredAt(store, person, monthsAgo(3), { content: 'Fine', idempotency });
    const number = kept.conversationNumber;
    const dead = await answeredAt(store, person, monthsAgo(3, 5), { number, content: 'Fails' });
    await postgres.run('UPDATE generations SET dead_letter = true WHERE id = $1', [dead.id]);
    const untold = await answeredAt(store, person, monthsAgo(3), { content: 'Tell me' });
    await postgres.run(`UPDATE generations SET webhook_outcome = 'dead' WHERE id = $1`, [untold.id]);
    const open = await answeredAt(store, person, monthsAgo(3), { content: 'Elsewhere' });
    await ask(store, person, { number: open.conversationNumber });
    await archive(1);
    expect(await countsOf(person)).toMatchObject({ messages: 5, generations: 4, idempotency: 0 });
    expect(await partitions()).toContain(partitionOf(monthsAgo(3)));
    const before = await store.conversations.get(person.userId, number);
    expect(await store.deadLetters.replay(dead.id)).toMatchObject({ id: dead.id });
    expect(await store.conversations.get(person.userId, number)).toMatchObject({
      messageCount: before!.messageCount - 1,
      lastMessageId: dead.requestMessageId,
    });
    expect(
      await store.conversations.history(person.userId, dead.conversationId, dead.requestMessageId, 10),
    ).toHaveLength(3);
  });

  test('that is one of several at once, or is cut off anywhere, loses and doubles nothing', async () => {
    const people = await Promise.all(Array.from({ length: 6 }, () => newPerson(store)));
    const numbers = await Promise.all(people.map((person, index) => growTree(store, person, 12, seeded(20 + index))));
    const read = () =>
      Promise.all(people.map((person, index) => store.conversations.all(person.userId, numbers[index]!)));
    const before = await read();
    const cut = new AbortController();
    let packed = 0;
    await archiveMonths(store.db, 1, cut.signal, () => {
      if (++packed === 3) cut.abort();
    });
    expect(await read()).toEqual(before);
    await Promise.all([archive(1), archive(1), archive(1)]);
    expect(await read()).toEqual(before);
    const [row] = await postgres.run<{ doubled: number }>(
      `SELECT count(*)::integer AS doubled FROM messages JOIN message_archive AS a ON messages.id = ANY (a.answers)`,
    );
    expect(row!.doubled).toBe(0);
  }, 120_000);
});
