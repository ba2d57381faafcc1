import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
} from 'cockatiel';
import type pg from 'pg';
import { ChatError } from '../../protocol/errors.ts';
import { shardFailed } from '../../telemetry/events.ts';
import { isUnavailable } from './moving.ts';
import type { ConnectionOptions, Db, PoolOptions, PoolUsage, Statement, Value } from './pool.ts';
import { ShardHost } from './shard-host.ts';

export type ShardServerOptions = Omit<PoolOptions, 'connection'> & {
  /** A replica further behind serves nothing; milliseconds. */
  maxReplicaLagMs: number;
  /** Before a server takes its first call as the primary; rejects where it is not fit to. Asked again at each look. */
  prepare: (connection: ConnectionOptions) => Promise<void>;
};

export type ShardStatus = {
  name: string;
  state: 'up' | 'down';
  primary: string;
  /** Null: it does not answer; of the lag also where it is further behind than can be told. */
  replicas: readonly { address: string; lagMs: number | null; latencyMs: number | null }[];
  trouble: string | null;
  /** Of the primary. */
  pool: PoolUsage;
};

const LOOK_EVERY_MS = 1_000;
const LOOK_WHILE_DOWN_MS = 250;
const LOOK_TIMEOUT_MS = 1_500;
/** A server that is refusing connections may be between two breaths; one that is silent may be busy. */
const LOOKS_UNTIL_DOWN = 2;
const FAILURES_UNTIL_OPEN = 5;
/** The watch closes the breaker as soon as the server answers it: no caller has to try. */
const HALF_OPEN_AFTER_MS = 30_000;
const RETRY_AFTER_SECONDS = 2;
/** Of the primary's positions: enough for any bound on lag. */
const SAMPLES = 120;

/**
 * One shard, wherever its primary is: several servers of which one takes writes. Watches them, follows a
 * promotion, and while none takes writes every call fails at once.
 */
export class ShardServer implements Db, AsyncDisposable {
  /** For people; of a directory that is a shard too, the shard's. */
  name: string;
  readonly #hosts: readonly [ShardHost, ...ShardHost[]];
  readonly #options: ShardServerOptions;
  readonly #breaker: CircuitBreakerPolicy;
  readonly #waiting = new Set<(reason: unknown) => void>();
  readonly #positions: { at: number; lsn: number }[] = [];
  #primary: ShardHost;
  #timeline = 0;
  #silentLooks = 0;
  #isolation: { dispose(): void } | null = null;
  #isClosing = false;
  #wake: (isClosing?: boolean) => void = () => {};
  #watching: Promise<void> = Promise.resolve();
  #turn = 0;

  constructor(
    name: string,
    primary: ConnectionOptions,
    replicas: readonly ConnectionOptions[],
    options: ShardServerOptions,
  ) {
    this.name = name;
    this.#options = options;
    const host = (connection: ConnectionOptions) => new ShardHost(connection, options, LOOK_TIMEOUT_MS);
    this.#hosts = [host(primary), ...replicas.map(host)];
    this.#primary = this.#hosts[0];
    this.#breaker = circuitBreaker(handleWhen(isUnavailable), {
      halfOpenAfter: HALF_OPEN_AFTER_MS,
      breaker: new ConsecutiveBreaker(FAILURES_UNTIL_OPEN),
    });
  }

  /** Resolves when each server has been looked at once, whatever it said. */
  async open(): Promise<void> {
    await this.#look();
    this.#watching = this.#watch();
  }

  get isUp(): boolean {
    return this.#isolation === null && this.#primary.view !== null;
  }

  /** It has been up before, as what it should be. */
  get isKnown(): boolean {
    return this.#timeline > 0;
  }

  async query<Row extends object>(statement: Statement, values: readonly Value[]): Promise<Row[]> {
    return await this.#guarded((pool) => pool.query<Row>(statement, values));
  }

  async connect(name: string): Promise<pg.Client> {
    return await this.#guarded((pool) => pool.connect(name));
  }

  seenUpForMs(): number {
    return this.#primary.pool.seenUpForMs();
  }

  noteBreak(): void {
    this.#primary.pool.noteBreak();
    this.#wake();
  }

  /** A standby that is little enough behind; null where there is none. In turn, where there are several. */
  standby(): Db | null {
    const fit = this.#hosts.filter(
      (host) => host !== this.#primary && this.#lagOf(host) <= this.#options.maxReplicaLagMs,
    );
    const host = fit[this.#turn++ % fit.length];
    if (!host) return null;
    return {
      query: async (statement, values) => {
        try {
          return await host.pool.query(statement, values);
        } catch (error) {
          // A standby also cancels what stands in the way of its replay: the primary is asked then.
          host.doubt();
          throw error;
        }
      },
      connect: (name) => host.pool.connect(name),
      seenUpForMs: () => host.pool.seenUpForMs(),
      noteBreak: () => host.pool.noteBreak(),
    };
  }

  status(): ShardStatus {
    const { trouble } = this.#primary;
    const lag = (host: ShardHost) => (Number.isFinite(this.#lagOf(host)) ? Math.round(this.#lagOf(host)) : null);
    return {
      name: this.name,
      state: this.isUp ? 'up' : 'down',
      primary: this.#primary.address,
      replicas: this.#hosts
        .filter((host) => host !== this.#primary)
        .map((host) => ({ address: host.address, lagMs: lag(host), latencyMs: host.view?.latencyMs ?? null })),
      pool: this.#primary.pool.usage,
      trouble: this.isUp ? null : reasonOf(trouble),
    };
  }

  async #guarded<T>(call: (pool: ShardHost['pool']) => Promise<T>): Promise<T> {
    const { promise: down, reject } = Promise.withResolvers<never>();
    this.#waiting.add(reject);
    try {
      return await Promise.race([this.#breaker.execute(() => call(this.#primary.pool)), down]);
    } catch (error) {
      if (!isUnavailable(error) && !(error instanceof BrokenCircuitError)) throw error;
      this.#wake();
      shardFailed(this.name);
      // That calls are held back says nothing about why.
      if (error instanceof BrokenCircuitError) error.cause ??= this.#primary.trouble;
      throw this.#unavailable(error);
    } finally {
      this.#waiting.delete(reject);
    }
  }

  #unavailable(cause: unknown): ChatError {
    const details = { dependency: 'database', shard: this.name };
    return new ChatError('database_unavailable', { cause, details, retryAfterSeconds: RETRY_AFTER_SECONDS });
  }

  async #watch(): Promise<void> {
    while (!this.#isClosing) {
      await this.#rest(LOOK_WHILE_DOWN_MS, false);
      if (this.isUp) await this.#rest(LOOK_EVERY_MS - LOOK_WHILE_DOWN_MS, true);
      if (!this.#isClosing) await this.#look();
    }
  }

  async #rest(ms: number, mayWake: boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = (isClosing = false) => {
        if (!mayWake && !isClosing) return;
        clearTimeout(timer);
        resolve();
      };
      if (this.#isClosing) this.#wake(true);
    });
  }

  async #look(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.look()));
    // After a split the later timeline is the promoted one: an old primary that comes back is left alone.
    const writable = this.#hosts
      .filter(({ view }) => view?.timeline != null && view.timeline >= this.#timeline)
      .sort(
        (a, b) => b.view!.timeline! - a.view!.timeline! || Number(b === this.#primary) - Number(a === this.#primary),
      );
    const [next] = writable;
    if (!next || !(await this.#prepare(next))) return this.#noteSilence();
    this.#timeline = next.view!.timeline!;
    if (next !== this.#primary) this.#follow(next);
    this.#positions.push({ at: next.view!.at, lsn: next.view!.lsn });
    if (this.#positions.length > SAMPLES) this.#positions.shift();
    this.#silentLooks = 0;
    // Also one that callers' failures have opened.
    if (this.#breaker.state !== CircuitState.Closed) this.#isolation ??= this.#breaker.isolate();
    this.#isolation?.dispose();
    this.#isolation = null;
  }

  async #prepare(host: ShardHost): Promise<boolean> {
    if (host.isPrepared) return true;
    try {
      await this.#options.prepare(host.connection);
      host.isPrepared = true;
    } catch (error) {
      host.trouble = error;
    }
    return host.isPrepared;
  }

  #follow(next: ShardHost): void {
    this.#primary = next;
    // The locks of living owners were on the other server.
    next.pool.noteBreak();
    this.#positions.length = 0;
  }

  #noteSilence(): void {
    this.#silentLooks++;
    if (this.#silentLooks < LOOKS_UNTIL_DOWN && this.isKnown) return;
    this.#isolation ??= this.#breaker.isolate();
    this.#primary.pool.noteBreak();
    for (const reject of this.#waiting) reject(this.#unavailable(this.#primary.trouble));
  }

  /** Since when, by our own clock, the primary has been ahead of what this one has replayed; milliseconds. */
  #lagOf(host: ShardHost): number {
    if (host.view === null || host.view.timeline !== null) return Number.POSITIVE_INFINITY;
    const replayed = this.#positions.findLast(({ lsn }) => lsn <= host.view!.lsn);
    return replayed ? performance.now() - replayed.at : Number.POSITIVE_INFINITY;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    this.#wake(true);
    await this.#watching;
    await Promise.all(this.#hosts.map((host) => host[Symbol.asyncDispose]()));
  }
}

function reasonOf(trouble: unknown): string {
  if (!(trouble instanceof Error)) return 'no server of it takes writes';
  return trouble.cause instanceof Error ? reasonOf(trouble.cause) : trouble.message || String(trouble);
}
