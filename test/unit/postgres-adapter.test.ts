import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Migration, migrate, readMigrations } from '../../src/adapters/postgres/migrate.ts';
import { answer, answered, ask, claimed, newId, newOwner, newPerson, WINDOW } from '../contracts/store/harness.ts';
import { openTestStore, postmasterPid, startTestPostgres, type TestPostgres } from '../support/postgres.ts';

let postgres: TestPostgres;
let store: Awaited<ReturnType<typeof openTestStore>>;

beforeAll(async () => {
  postgres = await startTestPostgres();
  store = await openTestStore(postgres, { leaseMs: 15_000, trustAfterMs: 0, sweepBackoffMs: 2_000, newId });
});

afterAll(async () => {
  await store?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
});

async function emptyDatabase() {
  const database = `db_${newId().replaceAll('-', '')}`;
  await postgres.run(`CREATE DATABASE ${database}`);
  return { ...postgres.server.connectionOptions, database };
}

const made = (number: number, sql: string): Migration => ({ number, name: `000${number}-x.sql`, sql, checksum: sql });

test('migrates once, however many try at once, and then has nothing to do', async () => {
  const connection = await emptyDatabase();
  const names = (await readMigrations()).map(({ name }) => name);
  const applied = await Promise.all([1, 2, 3].map(() => migrate(connection)));
  expect(applied.filter((each) => each.length > 0)).toEqual([names]);
  expect(await migrate(connection)).toEqual([]);
});

test('goes forward only: refuses a file that was changed, and a database that is ahead', async () => {
  const connection = await emptyDatabase();
  const [one, two] = [made(1, 'CREATE TABLE one ()'), made(2, 'CREATE TABLE two ()')];
  await migrate(connection, [one, two]);
  await expect(migrate(connection, [{ ...one, checksum: 'other' }, two])).rejects.toThrow(/0001-x.sql is not the one/);
  await expect(migrate(connection, [one])).rejects.toThrow(/newer than this program: it has migration 0002-x.sql/);
});

test('a migration that fails leaves nothing behind, and is tried again', async () => {
  const connection = await emptyDatabase();
  const bad = made(2, 'CREATE TABLE half (); SELECT 1 / 0');
  await expect(migrate(connection, [made(1, 'SELECT 1'), bad])).rejects.toThrow(/0002-x.sql failed: division by zero/);
  expect(await migrate(connection, [made(1, 'SELECT 1'), made(2, 'CREATE TABLE half ()')])).toEqual(['0002-x.sql']);
});

test('partitions reach from last month to thirteen months ahead', async () => {
  const rows = await postgres.run<{ name: string }>(
    `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'messages'::regclass ORDER BY 1`,
  );
  expect(rows.length).toBeGreaterThanOrEqual(15);
});

/** Of a conversation, or each of its own: so many messages, a second apart, from this time on. */
const FILL = `INSERT INTO messages (id, conversation_id, user_id, parent_id, role, status, content, created_at)
  SELECT message_id(n), coalesce($1, gen_random_uuid()), $2, CASE WHEN n > 1 THEN message_id(n - 1) END,
    CASE n % 2 WHEN 1 THEN 'user' ELSE 'assistant' END, 'done', 'Of ships and winds.', $3 FROM generate_series(1, $4::integer) AS n`;
const MAKE_IDS = `CREATE OR REPLACE FUNCTION message_id(n integer) RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT overlay(uuid_floor('SINCE'::timestamptz + n * interval '1 second')::text PLACING 'OWNER' FROM 20)::uuid $$`;

test('a page costs a look-up by key for each of its messages, however much others write at the same time', async () => {
  const [reader, writer] = [await newPerson(store), await newPerson(store)];
  const { conversationId, conversationNumber } = await answered(store, reader);
  const since = new Date(Date.now() - 24 * 60 * 60_000).toISOString();
  const fill = async (userId: string, id: string | null, count: number, owner: string) => {
    await postgres.run(MAKE_IDS.replace('SINCE', since).replace('OWNER', owner));
    await postgres.run(FILL, [id, userId, new Date(), count]);
  };
  await fill(reader.userId, conversationId, 2_000, '8000-000000000001');
  await postgres.run(
    `UPDATE conversations SET first_id = message_id(1), last_id = message_id(2000), leaf_id = message_id(2000) WHERE id = $1`,
    [conversationId],
  );
  for (let other = 2; other < 12; other++)
    await fill(writer.userId, newId(), 2_000, `8000-${String(other).padStart(12, '0')}`);
  // Most conversations are short: what is planned for them must do for the long one.
  await fill(writer.userId, null, 5_000, '8000-0000000000aa');
  await postgres.run('ANALYZE');
  const read = async () => {
    const [row] = await postgres.run<{ rows: number }>(
      `SELECT sum(seq_tup_read + idx_tup_fetch)::integer AS rows FROM pg_stat_user_tables WHERE relname LIKE 'messages_2%'`,
    );
    return row!.rows;
  };
  const before = await read();
  const own = await openTestStore(postgres, { leaseMs: 15_000, trustAfterMs: 0, sweepBackoffMs: 2_000, newId });
  expect(await own.conversations.branch(reader.userId, conversationNumber, { limit: 50 })).toHaveLength(50);
  // What a connection has read is told when it ends.
  await own[Symbol.asyncDispose]();
  expect((await read()) - before).toBeLessThan(50 * 10);
});

test('what is planned while the tables are empty does for full ones', async () => {
  await using fresh = await startTestPostgres();
  const own = await openTestStore(fresh, { leaseMs: 15_000, trustAfterMs: 0, sweepBackoffMs: 2_000, newId });
  const count = 100;
  for (let n = 0; n < count; n++) {
    const { id } = await answered(own, await newPerson(own, 'one for all'));
    expect(await own.generations.find(id)).toMatchObject({ state: 'done' });
  }
  // What a connection has read is told when it ends.
  await own[Symbol.asyncDispose]();
  const [read] = await fresh.run<{ rows: number }>(
    `SELECT sum(seq_tup_read + idx_tup_fetch)::integer AS rows FROM pg_stat_user_tables
      WHERE relname IN ('generations', 'conversations', 'user_home')`,
  );
  expect(read!.rows).toBeLessThan(count * 30);
});

test.each([
  ['1970', '00000000-1000-7000-8000-'],
  ['2199', '0692c4d8-7000-7000-8000-'],
])('a clock that is far off (%s) loses no message', async (_, prefix) => {
  const person = await newPerson(store);
  const [id, conversation, generationId] = ['a', 'b', 'c'].map((each) => prefix + each.repeat(12)) as [
    string,
    string,
    string,
  ];
  const accepted = await store.outbox.accept({
    workspaceId: person.workspaceId,
    userId: person.userId,
    generationId,
    conversation: { newId: conversation, title: 'Odd' },
    request: { kind: 'message', id, content: 'When is it?' },
    lane: 'chat',
    direct: false,
    params: { maxTokens: 10 },
    window: WINDOW,
    maxWaiting: 10,
    positionAtArrival: null,
  });
  const owner = newOwner();
  const held = await claimed(store, accepted.generation, owner);
  expect((await store.generations.finish(held, owner, answer(), WINDOW)).kind).toBe('finished');
  expect(await store.conversations.all(person.userId, 1)).toHaveLength(2);
});

test('a user on the move is claimed by nobody, and written for once it has arrived', async () => {
  const person = await newPerson(store);
  const { generation } = await ask(store, person);
  const home = (state: string) =>
    postgres.run('UPDATE user_home SET state = $2 WHERE user_id = $1', [person.userId, state]);
  await home('frozen');
  expect(await store.generations.claim(generation, newOwner())).toEqual({ kind: 'moving' });
  const asking = ask(store, person);
  await sleep(50);
  await home('active');
  expect((await asking).generation.state).toBe('queued');
  expect((await store.generations.claim(generation, newOwner())).kind).toBe('claimed');
});

test('usage adds up per day and model, with the answer that it is of', async () => {
  const person = await newPerson(store);
  const owner = newOwner();
  for (const model of ['tiny', 'tiny', 'large']) {
    const held = await claimed(store, (await ask(store, person)).generation, owner);
    await store.generations.finish(held, owner, answer({ model }), WINDOW);
  }
  const rows = await postgres.run(
    `SELECT model, generations, prompt_tokens::integer AS prompt, completion_tokens::integer AS completion
      FROM usage_daily WHERE user_id = $1 ORDER BY model`,
    [person.userId],
  );
  expect(rows).toEqual([
    { model: 'large', generations: 1, prompt: 12, completion: 3 },
    { model: 'tiny', generations: 2, prompt: 24, completion: 6 },
  ]);
});

test('the database itself allows one question of a conversation to be answered at a time', async () => {
  const person = await newPerson(store);
  const { generation } = await ask(store, person);
  const second = await ask(store, person, { number: generation.conversationNumber });
  await claimed(store, generation, newOwner());
  const forced = postgres.run(
    `UPDATE generations SET state = 'running', owner = 'x', lease_until = now() WHERE id = $1`,
    [second.generation.id],
  );
  await expect(forced).rejects.toMatchObject({ constraint: 'generations_one_question' });
});

test('while the database is away callers are told so, and it is found again', async () => {
  const person = await newPerson(store);
  const killed = await postmasterPid(postgres.server);
  process.kill(killed, 'SIGKILL');
  await vi.waitUntil(
    async () => {
      const reply = await ask(store, person).catch((error: unknown) => error);
      if (!(reply instanceof Error)) return (await postmasterPid(postgres.server).catch(() => killed)) !== killed;
      expect(reply).toMatchObject({
        code: 'database_unavailable',
        retryAfterSeconds: expect.any(Number),
        cause: expect.any(Error),
      });
      return false;
    },
    { timeout: 20_000, interval: 20 },
  );
  expect((await ask(store, person)).generation.state).toBe('queued');
});

test('migrates under those who write: several at once, and nobody fails', async () => {
  await using own = await startTestPostgres();
  await using serving = await openTestStore(own, { leaseMs: 15_000, trustAfterMs: 0, sweepBackoffMs: 2_000, newId });
  const people = await Promise.all(Array.from({ length: 6 }, () => newPerson(serving)));
  const over = new AbortController();
  let answers = 0;
  const writing = people.map(async (person) => {
    for (const owner = newOwner(); !over.signal.aborted; answers++) {
      const { generation } = await ask(serving, person);
      const held = await claimed(serving, generation, owner);
      await serving.generations.heartbeat(owner, [held]);
      await serving.generations.finish(held, owner, answer(), WINDOW);
      await serving.conversations.branch(person.userId, generation.conversationNumber, { limit: 5 });
    }
  });
  const more = () => vi.waitFor(() => expect(answers).toBeGreaterThan(from + 12), { timeout: 60_000 });
  let from = answers;
  await more();
  const before = await readMigrations();
  // What later versions do: new columns of the tables that are written, in use by functions, and an index.
  const next = ['messages', 'generations', 'conversations', 'user_home'].map((table, index) => {
    const number = before.length + 1 + index;
    const sql = `ALTER TABLE ${table} ADD COLUMN later text NOT NULL DEFAULT 'x'; CREATE INDEX ON ${table} (later)`;
    return { number, name: `${String(number).padStart(4, '0')}-later.sql`, sql, checksum: sql };
  });
  const { connectionOptions } = own.server;
  const applied = await Promise.all([1, 2, 3].map(() => migrate(connectionOptions, [...before, ...next])));
  expect(applied.filter((each) => each.length > 0)).toEqual([next.map(({ name }) => name)]);
  from = answers;
  await more();
  over.abort();
  await Promise.all(writing);
}, 120_000);
