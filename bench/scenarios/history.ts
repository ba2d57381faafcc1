import { readFile, stat } from 'node:fs/promises';
import pg from 'pg';
import type { System } from '../load/system.ts';
import { median } from '../statistics.ts';
import { send } from '../stream-client.ts';
import { atMost, type Context, type Row, round, type Scenario, scaled } from './scenario.ts';

/** Of a million messages: one user with a tenth of them in one conversation, and ever smaller ones. */
const SIZES = [100_000, 30_000, 10_000, 1_000, 100] as const;
const MESSAGES = 1_000_000;
const CONTENT = 'Of ships, winds and the long way home there is much to tell, and most of it is true. ';

type Person = { user: string; messages: number };

export const history: Scenario = {
  about: 'The newest page of conversations among a million messages, users of very different sizes',
  async run(context) {
    await using system = await context.startSystem({ nginx: false });
    const people = await fill(context, system);
    await logStatements(system, 'all');
    const rows: Row[] = [];
    const all = { database: [] as number[], api: [] as number[] };
    for (const messages of context.toy ? SIZES.slice(-2) : SIZES) {
      const asked = people.filter((person) => person.messages === messages).slice(0, 8);
      if (asked.length === 0) continue;
      const { database, api } = await page(system, asked, context.toy ? 20 : 200);
      all.database.push(...database);
      all.api.push(...api);
      rows.push({
        'messages of the user': messages,
        'users asked': asked.length,
        'in the database p50 ms': round(median(database)),
        'at the API p50 ms': round(median(api)),
        'at the API p99 ms': round(api.toSorted((a, b) => a - b)[Math.floor(api.length * 0.99)]!),
      });
      context.log(
        `users of ${messages}: ${median(database).toFixed(2)} ms in the database, ${median(api).toFixed(2)} ms at the API`,
      );
    }
    await logStatements(system, 'none');
    const total = people.reduce((sum, { messages }) => sum + messages, 0);
    return {
      sections: [{ title: `The newest 50 messages among ${total}`, rows }],
      goals: [
        atMost('history page p50, in the database', 1, median(all.database), ' ms'),
        atMost('history page p50, at the API', 4, median(all.api), ' ms'),
      ],
    };
  },
};

async function fill(context: Context, system: System): Promise<Person[]> {
  const wanted = scaled(context, MESSAGES, MESSAGES / 10);
  const people: Person[] = [];
  let left = wanted;
  // The large ones once or twice, then as many small ones as there is room for.
  for (const messages of [
    SIZES[0],
    SIZES[1],
    SIZES[1],
    ...Array<number>(20).fill(SIZES[2]),
    ...Array<number>(300).fill(SIZES[3]),
  ]) {
    if (messages > left / 2) continue;
    people.push({ user: `history-${people.length}`, messages });
    left -= messages;
  }
  for (; left >= SIZES[4]; left -= SIZES[4]) people.push({ user: `history-${people.length}`, messages: SIZES[4] });
  const clients = await Promise.all(
    system.cluster.parts
      .filter(({ spec }) => spec.kind === 'postgres')
      .map(async ({ spec }) => {
        const client = new pg.Client({ connectionString: spec.address! });
        await client.connect();
        await client.query(MAKE_IDS);
        return client;
      }),
  );
  for (const [index, { user, messages }] of people.entries()) {
    await send({ url: system.apis[0]!, key: system.key }, 'POST', '/chat', {
      user_id: user,
      message: 'Hello. [[n=1 t=1 r=0]]',
    });
    const directory = await clients[0]!.query<{ user_id: string }>('SELECT user_id FROM users WHERE external_id = $1', [
      user,
    ]);
    for (const client of clients) await client.query(FILL, [directory.rows[0]!.user_id, messages, CONTENT.repeat(3)]);
    if (index % 100 === 0) context.log(`${user}, ${messages} messages`);
  }
  for (const client of clients) {
    await client.query('ANALYZE');
    await client.end();
  }
  return people;
}

/** Ids of one user's messages, ten milliseconds apart, in the days before today. */
const MAKE_IDS = `CREATE FUNCTION pg_temp.bench_id(owner uuid, n bigint) RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT (lpad(to_hex((extract(epoch FROM date_trunc('day', now()) - interval '20 days') * 1000)::bigint + n * 10), 12, '0')
    || '70008' || right(replace(owner::text, '-', ''), 15))::uuid $$`;

/** Makes the user's only conversation that long, on the shard where the user lives. */
const FILL = `WITH home AS (
    SELECT c.id, c.user_id FROM conversations AS c JOIN user_home AS h USING (user_id)
    WHERE c.user_id = $1 AND h.state = 'active'
  ), made AS (
    INSERT INTO messages (id, conversation_id, user_id, parent_id, role, status, content, created_at)
    SELECT pg_temp.bench_id($1, n), home.id, home.user_id, CASE WHEN n > 1 THEN pg_temp.bench_id($1, n - 1) END,
      CASE WHEN n % 2 = 1 THEN 'user' ELSE 'assistant' END, 'done', $3, uuid_time(pg_temp.bench_id($1, n))
    FROM home, generate_series(1, $2::integer) AS n
  )
  UPDATE conversations AS c SET message_count = $2, leaf_id = pg_temp.bench_id($1, $2),
    last_message_id = pg_temp.bench_id($1, $2), first_id = pg_temp.bench_id($1, 1)
  FROM home WHERE c.id = home.id AND c.user_id = home.user_id`;

/** So that the server itself says how long each took. */
async function logStatements(system: System, which: 'all' | 'none'): Promise<void> {
  for (const { spec } of system.cluster.parts.filter(({ spec }) => spec.kind === 'postgres')) {
    const client = new pg.Client({ connectionString: spec.address! });
    await client.connect();
    await client.query(`ALTER SYSTEM SET log_min_duration_statement = ${which === 'all' ? 0 : -1}`);
    await client.query('SELECT pg_reload_conf()');
    await client.end();
  }
}

async function page(system: System, people: readonly Person[], times: number) {
  const target = { url: system.apis[0]!, key: system.key };
  const logs = system.cluster.parts.filter(({ spec }) => spec.kind.startsWith('postgres')).map(({ spec }) => spec.log);
  const read = (n: number) =>
    send(target, 'GET', `/users/${people[n % people.length]!.user}/conversations/1/messages?limit=50`);
  for (let n = 0; n < 20; n += 1) await read(n);
  const before = await Promise.all(logs.map(async (log) => (await stat(log)).size));
  const api: number[] = [];
  for (let n = 0; n < times; n += 1) {
    const began = performance.now();
    await read(n);
    api.push(performance.now() - began);
  }
  await new Promise((resolve) => setTimeout(resolve, 300));
  const texts = await Promise.all(
    logs.map(async (log, index) => (await readFile(log)).subarray(before[index]).toString()),
  );
  const took = (step: string) =>
    texts.flatMap((text) =>
      [...text.matchAll(new RegExp(`duration: ([\\d.]+) ms {2}${step} branch`, 'g'))].map(([, ms]) => Number(ms)),
    );
  const binds = took('bind');
  return { api, database: took('execute').map((ms, index) => ms + (binds[index] ?? 0)) };
}
