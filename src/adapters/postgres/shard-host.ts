import type pg from 'pg';
import { type ConnectionOptions, PLAN_CACHE_MODE, type PoolOptions, PostgresPool } from './pool.ts';
import { describeConnection } from './shard-config.ts';

/**
 * What a server says of itself. `at`: when, by this process's monotonic clock. `lsn`: written, or replayed; bytes.
 * `latencyMs`: until it had said so.
 */
export type HostView = { at: number; timeline: number | null; lsn: number; latencyMs: number };

const LOOK = `SELECT
    CASE WHEN pg_is_in_recovery() THEN NULL
      ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer END AS timeline,
    current_setting('plan_cache_mode') AS plans,
    pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, '0/0')::bigint AS lsn`;

/** Prepared statements, locks of owners and bounds on time are a session's: it must be ours for as long as it lasts. */
class ForeignSessionError extends Error {
  constructor() {
    super('a pooler in between keeps the settings of a session to itself: connect to PostgreSQL directly');
  }
}

/** One server of a shard: its pool, and what it last said of itself over a connection of its own. */
export class ShardHost implements AsyncDisposable {
  readonly connection: ConnectionOptions;
  readonly address: string;
  readonly pool: PostgresPool;
  readonly #timeoutMs: number;
  #client: pg.Client | null = null;
  /** Null: it does not answer. `timeline` is null on a standby. */
  view: HostView | null = null;
  trouble: unknown = null;
  /** Fit to be the primary: its schema and what it is were looked at. */
  isPrepared = false;

  constructor(connection: ConnectionOptions, options: Omit<PoolOptions, 'connection'>, lookTimeoutMs: number) {
    this.connection = connection;
    this.address = describeConnection(connection);
    this.pool = new PostgresPool({ ...options, connection });
    this.#timeoutMs = lookTimeoutMs;
  }

  /** Never rejects. */
  async look(): Promise<void> {
    try {
      this.#client ??= await this.#connect();
      const client = this.#client;
      const asked = performance.now();
      const { rows } = await client.query<{ timeline: number | null; lsn: number; plans: string }>(LOOK);
      if (rows[0]!.plans !== PLAN_CACHE_MODE) throw new ForeignSessionError();
      const at = performance.now();
      this.view = { at, timeline: rows[0]!.timeline, lsn: rows[0]!.lsn, latencyMs: at - asked };
      this.trouble = null;
    } catch (error) {
      this.view = null;
      this.trouble = error;
      this.#drop();
    }
  }

  /** It failed a call: not used before it has answered again. */
  doubt(): void {
    this.view = null;
  }

  async #connect(): Promise<pg.Client> {
    const bounds = { query_timeout: this.#timeoutMs, connectionTimeoutMillis: this.#timeoutMs };
    return await this.pool.connect('chatterbot watch', bounds);
  }

  #drop(): void {
    if (this.#client) destroy(this.#client);
    this.#client = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#drop();
    await this.pool[Symbol.asyncDispose]();
  }
}

/** A polite end would wait for a server that does not answer. */
function destroy(client: pg.Client): void {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}
