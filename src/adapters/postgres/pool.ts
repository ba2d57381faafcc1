import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { backoffMs } from '../../lib/backoff.ts';
import { ChatError } from '../../protocol/errors.ts';

/** Prepared once per connection under its name; the text of a name never changes while the process runs. */
export type Statement = { name: string; text: string };
export type Value = string | number | boolean | null | Uint8Array | readonly (string | number)[];

/** One database. Everything above speaks to it through these few words. */
export interface Db {
  /** One statement, which is one transaction. Throws ChatError `database_unavailable` where it cannot be reached. */
  query<Row extends object>(statement: Statement, values: readonly Value[]): Promise<Row[]>;
  /** A connection of its own, outside the pool; whoever asks for it ends it. */
  connect(name: string): Promise<pg.Client>;
  /**
   * How long this process has seen the database up without a break: after one, nobody's lock and nobody's
   * lease says anything about whether its holder lives.
   */
  seenUpForMs(): number;
  /** A connection broke: the database may have been restarted, and freed every lock. */
  noteBreak(): void;
}

export type ConnectionOptions =
  | { connectionString: string }
  | { host: string; port: number; user: string; database: string; password?: string };

/** Connections, those of them that nobody uses, and callers that wait for one. */
export type PoolUsage = { open: number; idle: number; waiting: number };

export type PoolOptions = {
  connection: ConnectionOptions;
  maxConnections: number;
  /** Each of these bounds a wait of a caller; milliseconds. */
  statementTimeoutMs: number;
  connectTimeoutMs: number;
};

/** Planned once per connection: over many partitions, planning costs more than running. */
export const PLAN_CACHE_MODE = 'force_generic_plan';

/** The server's own bound comes first; this one is for a network that swallows the answer. */
const ANSWER_GRACE_MS = 5_000;
const IDLE_MS = 30_000;
const MAX_RETRIES = 8;
const RETRY_BASE_MS = 5;
const RETRY_MAX_MS = 200;
const RETRY_AFTER_SECONDS = 2;

/** Undone by the database itself in favour of another transaction: nothing was written, so again. */
const RETRYABLE = new Set(['40001', '40P01']);

const UNAVAILABLE_CODES = new Set([
  '53100', // disk full
  '53200', // out of memory
  '53300', // too many connections
  '57014', // statement timeout
  '57P01', // administrator's shutdown
  '57P02', // a crash of another backend
  '57P03', // starting up
  '57P05', // idle session timeout
  '25006', // read-only: a standby, or a primary that has been demoted
  '3D000', // the database is not there (yet)
  '58030', // input/output error
]);
const UNREACHABLE_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/** Where the server says that it gave up waiting for a synchronous standby, in whatever language. */
const UNCONFIRMED_COMMIT = 'SyncRepWaitForLSN';

/** It is committed here, and would be lost with this server: that is no success. */
class UnconfirmedCommitError extends Error {
  constructor() {
    super('the synchronous standby has not confirmed the commit');
  }
}

export class PostgresPool implements Db, AsyncDisposable {
  readonly #options: PoolOptions;
  readonly #pool: pg.Pool;
  readonly #unconfirmed = new WeakSet<pg.PoolClient>();
  #upSince: number | null = null;
  #isEnding = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#pool = new pg.Pool({
      ...this.#clientConfig('chatterbot'),
      max: options.maxConnections,
      idleTimeoutMillis: IDLE_MS,
      statement_timeout: options.statementTimeoutMs,
      query_timeout: options.statementTimeoutMs + ANSWER_GRACE_MS,
      idle_in_transaction_session_timeout: options.statementTimeoutMs,
    });
    // An idle connection broke; the pool has dropped it already.
    this.#pool.on('error', () => this.noteBreak());
    this.#pool.on('connect', (client) => {
      // The pool listens only while a connection is idle; a break between two moments would end the process.
      client.on('error', () => this.noteBreak());
      client.on('notice', (notice) => {
        if (notice.routine === UNCONFIRMED_COMMIT) this.#unconfirmed.add(client);
      });
      this.#upSince ??= performance.now();
    });
  }

  #clientConfig(name: string): pg.ClientConfig {
    return {
      ...this.#options.connection,
      application_name: name,
      options: `-c plan_cache_mode=${PLAN_CACHE_MODE}`,
      connectionTimeoutMillis: this.#options.connectTimeoutMs,
      keepAlive: true,
      types: { getTypeParser },
    };
  }

  get usage(): PoolUsage {
    const { totalCount, idleCount, waitingCount } = this.#pool;
    return { open: totalCount, idle: idleCount, waiting: waitingCount };
  }

  async query<Row extends object>(statement: Statement, values: readonly Value[]): Promise<Row[]> {
    for (let retry = 0; ; retry++) {
      try {
        return await this.#queryOnce<Row>(statement, values);
      } catch (error) {
        if (!RETRYABLE.has(codeOf(error))) throw this.#translate(error);
        if (retry === MAX_RETRIES) throw unavailable(error);
        await sleep(backoffMs(retry, RETRY_BASE_MS, RETRY_MAX_MS, Math.random()));
      }
    }
  }

  async #queryOnce<Row extends object>(statement: Statement, values: readonly Value[]): Promise<Row[]> {
    const client = await this.#pool.connect();
    try {
      const result = await client.query<Row>({ ...statement, values: values as Value[] });
      if (this.#unconfirmed.delete(client)) throw new UnconfirmedCommitError();
      client.release();
      this.#upSince ??= performance.now();
      return result.rows;
    } catch (error) {
      // A connection is kept after an error that is about the statement, and not about the server behind it.
      client.release(isUnavailable(error));
      throw error;
    }
  }

  #translate(error: unknown): unknown {
    if (!isUnavailable(error)) return error;
    if (isBroken(error)) this.noteBreak();
    return unavailable(error);
  }

  async connect(
    name: string,
    bounds: Pick<pg.ClientConfig, 'query_timeout' | 'connectionTimeoutMillis'> = {},
  ): Promise<pg.Client> {
    const client = new pg.Client({ ...this.#clientConfig(name), ...bounds });
    // Without a listener, a break while nobody asks anything would end the process.
    client.on('error', () => {});
    try {
      await client.connect();
    } catch (error) {
      throw this.#translate(error);
    }
    this.#upSince ??= performance.now();
    return client;
  }

  seenUpForMs(): number {
    return this.#upSince === null ? 0 : performance.now() - this.#upSince;
  }

  noteBreak(): void {
    this.#upSince = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    await this.#pool.end();
  }
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code ?? '');
}

function isBroken(error: unknown): boolean {
  const code = codeOf(error);
  if (UNREACHABLE_CODES.has(code) || code.startsWith('08') || code.startsWith('57P')) return true;
  // The driver's own words, which have no code.
  const message = error instanceof Error ? error.message : '';
  return /^(Connection terminated|Client has encountered a connection error|Client was closed)/.test(message);
}

function isUnavailable(error: unknown): boolean {
  if (error instanceof UnconfirmedCommitError || isBroken(error) || UNAVAILABLE_CODES.has(codeOf(error))) return true;
  const message = error instanceof Error ? error.message : '';
  return /^(timeout exceeded when trying to connect|timeout expired|Query read timeout|Cannot use a pool after)/.test(
    message,
  );
}

function unavailable(cause: unknown): ChatError {
  return new ChatError('database_unavailable', { cause, retryAfterSeconds: RETRY_AFTER_SECONDS });
}

const INT8 = 20;
const TIMESTAMPTZ = 1184;
const parseDate = pg.types.getTypeParser(TIMESTAMPTZ, 'text') as (text: string) => Date;

/** int8 as a number (ours stay far below 2^53), a time as milliseconds since 1970; the rest as the driver does. */
function getTypeParser(oid: number, format?: unknown) {
  if (oid === INT8) return Number;
  if (oid === TIMESTAMPTZ) return (text: string) => parseDate(text).getTime();
  return pg.types.getTypeParser(oid, format as 'text');
}
