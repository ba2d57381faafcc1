import { createClient, RESP_TYPES } from '@redis/client';
import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
} from 'cockatiel';
import { backoffMs } from '../../lib/backoff.ts';
import { type Address, formatAddress, type RedisTarget } from './redis-url.ts';
import { isRefusal, RedisTimeout } from './unavailable.ts';

export type NodeSettings = {
  credentials: RedisTarget['credentials'];
  tls: boolean;
  database: number;
  /** Milliseconds until a command that is not answered counts as failed. */
  commandTimeoutMs: number;
  connectTimeoutMs: number;
};

type Client = ReturnType<typeof newClient>;
export type RedisArgument = string | Buffer;

const RECONNECT_BASE_MS = 50;
const RECONNECT_MAX_MS = 1_000;
const FAILURES_UNTIL_OPEN = 5;
const PROBE_EVERY_MS = 500;

export function newClient(address: Address, settings: NodeSettings, pingIntervalMs = 0) {
  return createClient({
    ...settings.credentials,
    database: settings.database,
    // While disconnected a command fails at once: nothing is queued without bound.
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    ...(pingIntervalMs > 0 && { pingInterval: pingIntervalMs }),
    socket: {
      host: address.host,
      port: address.port,
      ...(settings.tls ? { tls: true } : {}),
      connectTimeout: settings.connectTimeoutMs,
      ...(pingIntervalMs > 0 && { socketTimeout: pingIntervalMs * 3 }),
      reconnectStrategy: (retries) => backoffMs(retries, RECONNECT_BASE_MS, RECONNECT_MAX_MS, Math.random()),
    },
    // The library's own limit only covers the wait for being written, and costs a timer each.
    commandOptions: { timeout: 0 },
  });
}

/**
 * One server: a connection for commands, with a time limit on each and a breaker around them all. While it is open
 * every command fails at once: only a probe of the node's own asks whether the server answers again, since a command
 * that is the breaker's trial, and those that wait for its outcome, would take the whole time limit.
 */
export class RedisNode {
  readonly address: Address;
  readonly name: string;
  readonly settings: NodeSettings;
  readonly #client: Client;
  readonly #buffers: { typeMapping: { [RESP_TYPES.BLOB_STRING]: typeof Buffer } } = {
    typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer },
  };
  readonly #breaker: CircuitBreakerPolicy;
  #closed = false;
  #probing: NodeJS.Timeout | undefined;

  constructor(address: Address, settings: NodeSettings, onChange: (error?: unknown) => void) {
    this.address = address;
    this.name = formatAddress(address);
    this.settings = settings;
    this.#client = newClient(address, settings);
    this.#client.on('error', (error: unknown) => onChange(error));
    this.#client.on('ready', () => onChange());
    this.#breaker = circuitBreaker(
      handleWhen((error) => !isRefusal(error)),
      { halfOpenAfter: PROBE_EVERY_MS, breaker: new ConsecutiveBreaker(FAILURES_UNTIL_OPEN) },
    );
    this.#breaker.onBreak(() => this.#probeSoon(onChange));
    this.#client.connect().catch(() => {}); // Told by `error`; it goes on trying until closed.
  }

  get isReady(): boolean {
    return this.#client.isReady && this.#breaker.state === CircuitState.Closed;
  }

  send(args: readonly RedisArgument[], replyAs: 'text' | 'bytes' = 'text'): Promise<unknown> {
    return this.#guarded(() => this.#client.sendCommand([...args], replyAs === 'bytes' ? this.#buffers : undefined));
  }

  /** During a slot's migration: the key is at this server already, which takes it only when asked to. */
  asking(args: readonly RedisArgument[], replyAs: 'text' | 'bytes'): Promise<unknown> {
    return this.#guarded(() => {
      this.#client.sendCommand(['ASKING']).catch(() => {});
      return this.#client.sendCommand([...args], replyAs === 'bytes' ? this.#buffers : undefined);
    });
  }

  /** Past the breaker, so that it tells how the server is and not what was thought of it. */
  async ping(): Promise<number> {
    const started = performance.now();
    await this.#inTime(this.#client.sendCommand(['PING']));
    return performance.now() - started;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#probing);
    this.#client.destroy();
  }

  async #guarded<T>(command: () => Promise<T>): Promise<T> {
    if (this.#breaker.state !== CircuitState.Closed) throw new BrokenCircuitError(`${this.name} does not answer`);
    return await this.#breaker.execute(() => this.#inTime(command()));
  }

  /** Again after each failure, which opens the breaker anew. */
  #probeSoon(onChange: () => void): void {
    if (this.#closed) return;
    clearTimeout(this.#probing);
    this.#probing = setTimeout(() => {
      const probe = this.#breaker.execute(() => this.#inTime(this.#client.sendCommand(['PING'])));
      probe.then(
        () => onChange(),
        () => {
          // Too soon by the breaker's own count: it has not opened anew.
          if (this.#breaker.state === CircuitState.Open) this.#probeSoon(onChange);
        },
      );
    }, PROBE_EVERY_MS);
  }

  async #inTime<T>(answer: Promise<T>): Promise<T> {
    const ms = this.settings.commandTimeoutMs;
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      // Not before what has arrived is read: it may be this process that was slow.
      timer = setTimeout(() => setImmediate(() => reject(new RedisTimeout(this.name, ms))), ms);
    });
    try {
      return await Promise.race([answer, tooLate]);
    } finally {
      clearTimeout(timer);
      answer.catch(() => {}); // It may still fail after its time.
    }
  }
}
