import { setTimeout as sleep } from 'node:timers/promises';
import { type Channel, type ChannelModel, connect } from 'amqplib';
import { backoffMs } from '../../lib/backoff.ts';
import { portFailed } from '../../telemetry/events.ts';
import { brokerAddresses } from './broker-addresses.ts';
import { declareTopology } from './topology.ts';

export type BrokerOptions = {
  /** One or several hosts, see {@link brokerAddresses}. */
  uri: string;
  /** Shown to the broker's operator. */
  name: string;
  /** Jobs that a lane may hold. */
  maxLength: number;
};

/** Milliseconds: to be connected; to be answered. */
const CONNECT_TIMEOUT = 5000;
const ANSWER_TIMEOUT = 10_000;
/** Milliseconds between two rounds over the hosts. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 1000;

/** A connection to whichever host of the broker answers, made again for as long as this lives, with everything declared. */
export class Broker implements AsyncDisposable {
  readonly #options: BrokerOptions;
  readonly #addresses: readonly string[];
  readonly #life = new AbortController();
  readonly #running: Promise<void>;
  #connected = Promise.withResolvers<ChannelModel>();
  #connection: ChannelModel | null = null;
  /** Ends the socket of the present connection without asking the broker. */
  #cut: AbortController | null = null;
  #blocked = false;
  #declaring: Promise<void> | null = null;

  constructor(options: BrokerOptions) {
    this.#options = options;
    const addresses = brokerAddresses(options.uri);
    // Each process starts at another host, so that a cluster's nodes share the load.
    const first = Math.floor(Math.random() * addresses.length);
    this.#addresses = [...addresses.slice(first), ...addresses.slice(0, first)];
    this.#connected.promise.catch(() => undefined);
    this.#running = this.#stayConnected();
  }

  /** Why nothing can be sent now; null where it can. */
  get trouble(): string | null {
    if (!this.#connection) return 'not connected';
    return this.#blocked ? 'the broker takes nothing: it is low on memory or disk' : null;
  }

  /** Resolves once there is a connection. */
  connection(): Promise<ChannelModel> {
    return this.#connected.promise;
  }

  /** It does not answer: the next connection may reach another host. */
  suspect(): void {
    this.#cut?.abort();
  }

  /** After somebody has deleted a queue. Those who notice together share one. */
  declare(): Promise<void> {
    if (!this.#connection) return Promise.reject(new Error('not connected'));
    this.#declaring ??= this.answered(declareTopology(this.#connection, this.#options.maxLength)).finally(() => {
      this.#declaring = null;
    });
    return this.#declaring;
  }

  /** Whether it holds less than a lane may. */
  async hasRoom(queue: string): Promise<boolean> {
    const connection = await this.connection();
    const channel = await this.answered(connection.createChannel());
    channel.on('error', () => undefined);
    const { messageCount } = await this.answered(channel.checkQueue(queue));
    void closeFully(channel);
    return messageCount < this.#options.maxLength;
  }

  /** Bounds the wait for an answer of the broker. */
  async answered<T>(answer: Promise<T>): Promise<T> {
    const waiting = new AbortController();
    answer.catch(() => undefined);
    const late = sleep(ANSWER_TIMEOUT, undefined, { signal: waiting.signal }).then(() => {
      this.suspect();
      throw new Error(`The broker has not answered within ${ANSWER_TIMEOUT} ms.`);
    });
    late.catch(() => undefined);
    try {
      return await Promise.race([answer, late]);
    } finally {
      waiting.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#life.signal.aborted) return this.#running;
    this.#life.abort();
    this.#connected.reject(new Error('The broker is no longer used.'));
    const cut = this.#cut;
    const impatience = setTimeout(() => cut?.abort(), CONNECT_TIMEOUT);
    if (this.#connection) await closeFully(this.#connection);
    clearTimeout(impatience);
    cut?.abort();
    await this.#running;
  }

  async #stayConnected(): Promise<void> {
    let failures = 0;
    for (let next = 0; !this.#life.signal.aborted; next++) {
      try {
        if (failures > 0 && failures % this.#addresses.length === 0) {
          const round = failures / this.#addresses.length - 1;
          await sleep(backoffMs(round, FIRST_PAUSE, LONGEST_PAUSE, Math.random()), undefined, {
            signal: this.#life.signal,
          });
        }
        await this.#connectOnce(this.#addresses[next % this.#addresses.length]!, () => {
          failures = 0;
        });
      } catch (error) {
        // Once per outage.
        if (failures === 0 && !this.#life.signal.aborted) report('connect', error);
        failures++;
      }
    }
  }

  /** Returns, or throws, when that connection has ended. */
  async #connectOnce(address: string, succeeded: () => void): Promise<void> {
    const cut = new AbortController();
    this.#cut = cut;
    const connection = await connect(address, {
      noDelay: true,
      timeout: CONNECT_TIMEOUT,
      clientProperties: { connection_name: this.#options.name },
      signal: cut.signal,
    } as Parameters<typeof connect>[1]);
    let failure: unknown;
    const ended = new Promise<void>((resolve) => {
      connection.once('close', () => {
        if (this.#connection === connection) this.#forget();
        resolve();
      });
    });
    connection.on('error', (error) => {
      failure = error;
    });
    connection.on('blocked', () => {
      this.#blocked = true;
    });
    connection.on('unblocked', () => {
      this.#blocked = false;
    });
    try {
      await this.answered(declareTopology(connection, this.#options.maxLength));
      if (this.#life.signal.aborted) return;
      this.#connection = connection;
      this.#connected.resolve(connection);
      succeeded();
      await ended;
    } finally {
      cut.abort();
    }
    if (failure) throw failure;
  }

  /** In the same step in which the connection ends: nobody may be told that it stands. */
  #forget(): void {
    this.#connection = null;
    this.#blocked = false;
    this.#connected = Promise.withResolvers();
    this.#connected.promise.catch(() => undefined);
    if (this.#life.signal.aborted) this.#connected.reject(new Error('The broker is no longer used.'));
  }
}

/** The client's own promise is never settled where the connection is lost meanwhile. */
export async function closeFully(closable: Channel | ChannelModel): Promise<void> {
  const lost = new Promise((resolve) => closable.once('close', resolve));
  try {
    await Promise.race([closable.close(), lost]);
  } catch {
    // It was closed already.
  }
}

export function report(operation: string, error: unknown): void {
  portFailed({ port: 'generation-queue', operation, error });
}
