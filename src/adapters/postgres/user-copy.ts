import type pg from 'pg';
import type { Copied, UserMove } from './move-carrier.ts';
import type { Db } from './pool.ts';

type Steps = { freeze(): Promise<void>; touch(): Promise<void> };

/** What is more than this is copied once before the freeze, so that the freeze copies only what came since. */
const LARGE_USER_MESSAGES = 2_000;
const LARGE_ARCHIVE_BYTES = 4 * 1024 * 1024;
const MAX_ROUNDS = 4;
const FETCH_ROWS = 500;
/** Of one piece of an archive alone, which may be large. */
const FETCH_ARCHIVE_ROWS = 8;
const MAX_ATTEMPTS = 3;
/** A mover that is paused in the middle lets go of the target's home after this. */
const IDLE_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 120_000;
const CLOCKS_AGREE_MS = 250;

/** Order matters for nothing but reading: rows refer to one another by id only. */
const SMALL_TABLES = ['conversations', 'generations', 'idempotency', 'usage_daily', 'user_items'] as const;
const ALL_TABLES = [...SMALL_TABLES, 'message_archive', 'messages'];

/** A chunk is never changed, only replaced by one that was packed at another moment. */
type ChunkKey = { conversation_id: string; to_id: string; packed_at: string };

/**
 * The user's rows in one transaction of the target, home and all; does nothing where the target has had this
 * move or a later one. Rows travel as JSON of PostgreSQL's own making, so that columns need no list here.
 */
export async function copyUser(source: Db, target: Db, move: UserMove, steps: Steps): Promise<Copied> {
  await using from = await session(source);
  await using to = await session(target);
  await refuseOtherSchema(from.client, to.client);
  const copy = new Copy(from.client, to.client, move);
  for (let attempt = 1; ; attempt++) {
    try {
      await copy.makePartitions();
      await copy.before(steps);
      const frozenAt = performance.now();
      await steps.freeze();
      return { rows: await copy.run(), frozenAt };
    } catch (error) {
      await from.client.query('ROLLBACK').catch(() => {});
      await to.client.query('ROLLBACK').catch(() => {});
      // A month that began meanwhile, or a transaction that the database undid.
      if (attempt === MAX_ATTEMPTS || !['23514', '40001', '40P01'].includes(String((error as { code?: string }).code)))
        throw error;
    }
  }
}

class Copy {
  readonly #from: pg.Client;
  readonly #to: pg.Client;
  readonly #move: UserMove;
  /** The source's transactions from this one on are not in what was copied before the freeze; null: nothing was. */
  #since: string | null = null;

  constructor(from: pg.Client, to: pg.Client, move: UserMove) {
    this.#from = from;
    this.#to = to;
    this.#move = move;
  }

  async makePartitions(): Promise<void> {
    const { rows } = await this.#from.query<{ month: string }>(
      `SELECT DISTINCT date_trunc('month', uuid_time(m.id), 'UTC')::text AS month
       FROM ${MESSAGES} WHERE c.user_id = $1`,
      [this.#move.user_id],
    );
    await this.#to.query('SELECT count(ensure_message_partition(month)) FROM unnest($1::timestamptz[]) AS month', [
      rows.map(({ month }) => month),
    ]);
  }

  /** Of a large user everything old so far, and in further rounds what was written during the round before. */
  async before(steps: Steps): Promise<void> {
    this.#since = null;
    if ((await this.#countChanged()) <= LARGE_USER_MESSAGES && (await this.#archiveBytes()) <= LARGE_ARCHIVE_BYTES)
      return;
    if (!(await this.#isAwaited())) return;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      await this.#from.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await this.#to.query('BEGIN');
      if (this.#since === null) await this.#clearTarget();
      const { rows } = await this.#from.query<{ xmin: string }>(
        `SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xmin`,
      );
      await this.#copyMessages();
      await this.#copyArchive();
      await this.#to.query('COMMIT');
      await this.#from.query('COMMIT');
      this.#since = rows[0]!.xmin;
      await steps.touch();
      if ((await this.#countChanged()) <= LARGE_USER_MESSAGES / 10) return;
    }
  }

  /** Returns how many rows were written. */
  async run(): Promise<number> {
    const { user_id, workspace_id, to_epoch } = this.#move;
    await this.#to.query('BEGIN');
    const awaited = await this.#to.query<{ awaited: boolean }>('SELECT await_arrival($1, $2, $3) AS awaited', [
      user_id,
      workspace_id,
      to_epoch,
    ]);
    if (!awaited.rows[0]!.awaited) {
      await this.#to.query('ROLLBACK');
      return 0;
    }
    // Its snapshot is of after the target's home was locked: whoever finds the source frozen now, and by this
    // move, finds it so until the target lets go.
    await this.#from.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await this.#refuseThawed();
    if (this.#since === null) await this.#clearTarget();
    let written = (await this.#copyMessages()) + (await this.#copyArchive());
    for (const table of SMALL_TABLES) written += await this.#copyTable(table);
    await this.#matchClocks();
    await this.#compareCounts();
    await this.#to.query(
      `UPDATE user_home SET state = 'active', epoch = $2, workspace_id = $3, move_id = NULL, moved_to = NULL WHERE user_id = $1`,
      [user_id, to_epoch, workspace_id],
    );
    await this.#to.query('COMMIT');
    await this.#from.query('COMMIT');
    return written;
  }

  async #isAwaited(): Promise<boolean> {
    const { rows } = await this.#to.query<{ epoch: number }>('SELECT epoch FROM user_home WHERE user_id = $1', [
      this.#move.user_id,
    ]);
    return (rows[0]?.epoch ?? 0) < this.#move.to_epoch;
  }

  async #refuseThawed(): Promise<void> {
    const { rows } = await this.#from.query(
      `SELECT FROM user_home WHERE user_id = $1 AND state = 'frozen' AND move_id = $2`,
      [this.#move.user_id, this.#move.id],
    );
    if (rows.length === 0) throw new Error(`the source of move ${this.#move.id} is not frozen by it`);
  }

  /** What an earlier mover, or an earlier stay, has left. */
  async #clearTarget(): Promise<void> {
    for (let messages = FETCH_ROWS; messages >= FETCH_ROWS; ) {
      const { rows } = await this.#to.query<{ messages: number }>('SELECT messages FROM remove_rows($1, $2)', [
        this.#move.user_id,
        FETCH_ROWS,
      ]);
      messages = rows[0]!.messages;
    }
  }

  /** All of them where nothing was copied before. */
  async #countChanged(): Promise<number> {
    const { rows } = await this.#from.query<{ count: number }>(
      `SELECT count(*) AS count FROM ${MESSAGES} WHERE c.user_id = $1 AND ${changed('c', '$2')} AND ${changed('m', '$2')}`,
      [this.#move.user_id, this.#since],
    );
    return rows[0]!.count;
  }

  /** Whatever changes a message changes its conversation's row too: the others are as they were copied. */
  async #copyMessages(): Promise<number> {
    const { rows } = await this.#from.query<{ id: string }>(
      `SELECT id FROM conversations AS c WHERE user_id = $1 AND ${changed('c', '$2')}`,
      [this.#move.user_id, this.#since],
    );
    const ids = rows.map(({ id }) => id);
    const written = await this.#copyMessagesOf(ids, this.#since);
    if (this.#since === null) return written;
    // Where one was taken away, no row says so: such a conversation is copied as a whole.
    const shrunk = await this.#differing(ids);
    await this.#to.query('DELETE FROM messages WHERE conversation_id = ANY ($1::uuid[])', [shrunk]);
    return written + (await this.#copyMessagesOf(shrunk, null));
  }

  async #copyMessagesOf(conversations: readonly string[], since: string | null): Promise<number> {
    if (conversations.length === 0) return 0;
    const wanted = conversations.map((id) => `'${id}'`).join(', ');
    const insert = 'INSERT INTO messages SELECT * FROM jsonb_populate_recordset(NULL::messages, $1::jsonb)';
    const replaced =
      'DELETE FROM messages WHERE id IN (SELECT id FROM jsonb_populate_recordset(NULL::messages, $1::jsonb))';
    return await this.#pump(
      `SELECT to_jsonb(m)::text AS row FROM ${MESSAGES}
       WHERE c.user_id = '${this.#move.user_id}' AND c.id IN (${wanted}) AND ${changed('m', since === null ? 'NULL' : `'${since}'`)}`,
      since === null ? [insert] : [replaced, insert],
      FETCH_ROWS,
    );
  }

  async #differing(conversations: readonly string[]): Promise<string[]> {
    const counts = `SELECT m.conversation_id AS id, count(*) AS count FROM messages AS m
      WHERE m.conversation_id = ANY ($1::uuid[]) GROUP BY m.conversation_id`;
    type Counted = { id: string; count: number };
    const [source, target] = await Promise.all([
      this.#from.query<Counted>(counts, [conversations]),
      this.#to.query<Counted>(counts, [conversations]),
    ]);
    const there = new Map(source.rows.map(({ id, count }) => [id, count]));
    return target.rows.filter(({ id, count }) => there.get(id) !== count).map(({ id }) => id);
  }

  async #copyTable(table: (typeof SMALL_TABLES)[number]): Promise<number> {
    const order = table === 'generations' ? 'ORDER BY seq' : '';
    return await this.#pump(
      `SELECT to_jsonb(t)::text AS row FROM ${table} AS t WHERE user_id = '${this.#move.user_id}' ${order}`,
      // The place in line is the target's own; only its order is kept.
      [
        `INSERT INTO ${table} ${table === 'generations' ? 'OVERRIDING USER VALUE' : ''}
         SELECT * FROM jsonb_populate_recordset(NULL::${table}, $1::jsonb) ${order}`,
      ],
      FETCH_ROWS,
    );
  }

  async #archiveBytes(): Promise<number> {
    const { rows } = await this.#from.query<{ bytes: number }>(
      'SELECT coalesce(sum(packed_bytes), 0)::bigint AS bytes FROM message_archive WHERE user_id = $1',
      [this.#move.user_id],
    );
    return rows[0]!.bytes;
  }

  /** The chunks that the target lacks, and off it those that are no more. */
  async #copyArchive(): Promise<number> {
    const [there, here] = await Promise.all([this.#chunksOf(this.#from), this.#chunksOf(this.#to)]);
    for (const [key, { conversation_id, to_id }] of here) {
      if (there.has(key)) continue;
      await this.#to.query('DELETE FROM message_archive WHERE conversation_id = $1 AND to_id = $2', [
        conversation_id,
        to_id,
      ]);
    }
    const missing = [...there].flatMap(([key, chunk]) => (here.has(key) ? [] : [chunk]));
    for (let first = 0; first < missing.length; first += FETCH_ARCHIVE_ROWS) {
      const some = missing.slice(first, first + FETCH_ARCHIVE_ROWS);
      const fetched = await this.#from.query<{ row: string }>(
        `SELECT to_jsonb(a)::text AS row FROM message_archive AS a
         JOIN unnest($1::uuid[], $2::uuid[]) AS wanted (conversation_id, to_id) USING (conversation_id, to_id)`,
        [some.map(({ conversation_id }) => conversation_id), some.map(({ to_id }) => to_id)],
      );
      await this.#to.query(
        'INSERT INTO message_archive SELECT * FROM jsonb_populate_recordset(NULL::message_archive, $1::jsonb)',
        [`[${fetched.rows.map(({ row }) => row).join(',')}]`],
      );
    }
    return missing.length;
  }

  async #chunksOf(client: pg.Client): Promise<Map<string, ChunkKey>> {
    const { rows } = await client.query<ChunkKey>(
      'SELECT conversation_id, to_id, extract(epoch FROM created_at)::text AS packed_at FROM message_archive WHERE user_id = $1',
      [this.#move.user_id],
    );
    return new Map(rows.map((row) => [`${row.conversation_id} ${row.to_id} ${row.packed_at}`, row]));
  }

  async #pump(select: string, statements: readonly string[], rows: number): Promise<number> {
    let written = 0;
    await this.#from.query(`DECLARE copied NO SCROLL CURSOR FOR ${select}`);
    for (;;) {
      const fetched = await this.#from.query<{ row: string }>(`FETCH ${rows} FROM copied`);
      if (fetched.rows.length > 0) {
        const json = `[${fetched.rows.map(({ row }) => row).join(',')}]`;
        for (const statement of statements) await this.#to.query(statement, [json]);
        written += fetched.rows.length;
      }
      if (fetched.rows.length < rows) break;
    }
    await this.#from.query('CLOSE copied');
    return written;
  }

  /** Leases and due times are by the shard's clock; whose lock is held on the target, only a heartbeat tells. */
  async #matchClocks(): Promise<void> {
    const now = 'SELECT extract(epoch FROM clock_timestamp()) * 1000 AS now';
    const [source, target] = await Promise.all([
      this.#from.query<{ now: number }>(now),
      this.#to.query<{ now: number }>(now),
    ]);
    const difference = Number(target.rows[0]!.now) - Number(source.rows[0]!.now);
    const shift = Math.abs(difference) < CLOCKS_AGREE_MS ? 0 : difference;
    const shifted = ['lease_until', 'due_at', 'dispatched_at', 'published_at', 'sweep_due_at'];
    await this.#to.query(
      `UPDATE generations SET owner_locked = false,
         ${shifted.map((column) => `${column} = ${column} + $2 * interval '1 ms'`).join(', ')}
       WHERE user_id = $1 AND state IN ('queued', 'running')`,
      [this.#move.user_id, shift],
    );
  }

  async #compareCounts(): Promise<void> {
    const counts = `SELECT ${ALL_TABLES.map((table) => `(SELECT count(*) FROM ${table} WHERE user_id = $1) AS ${table}`).join(', ')}`;
    const [source, target] = await Promise.all([
      this.#from.query(counts, [this.#move.user_id]),
      this.#to.query(counts, [this.#move.user_id]),
    ]);
    const [there, here] = [JSON.stringify(source.rows[0]), JSON.stringify(target.rows[0])];
    if (there !== here) throw new Error(`move ${this.#move.id}: ${there} at the source, ${here} at the target`);
  }
}

const MESSAGES = `conversations AS c JOIN messages AS m ON m.conversation_id = c.id AND m.id BETWEEN c.first_id AND c.last_id`;

/** The row was written by that transaction or a later one; all where it is null. Numbers of transactions wrap; ages do not. */
function changed(row: string, since: string): string {
  return `(${since}::text IS NULL OR age(${row}.xmin) <= age(${since}::text::xid8::xid))`;
}

async function session(db: Db): Promise<{ client: pg.Client } & AsyncDisposable> {
  const client = await db.connect('chatterbot mover');
  await client.query(
    `SET idle_in_transaction_session_timeout = ${IDLE_TIMEOUT_MS}; SET statement_timeout = ${STATEMENT_TIMEOUT_MS}; SET plan_cache_mode = auto`,
  );
  return { client, [Symbol.asyncDispose]: () => client.end().catch(() => {}) };
}

/** Rows are carried over by the names of their columns: a column that is missing there would be lost without a word. */
async function refuseOtherSchema(from: pg.Client, to: pg.Client): Promise<void> {
  const version = 'SELECT max(number) AS number FROM schema_migrations';
  const [source, target] = await Promise.all([
    from.query<{ number: number }>(version),
    to.query<{ number: number }>(version),
  ]);
  if (source.rows[0]!.number !== target.rows[0]!.number) {
    throw new Error('the two shards have different schemas: run `chatterbot migrate`');
  }
}
