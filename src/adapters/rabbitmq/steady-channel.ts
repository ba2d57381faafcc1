import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, ChannelModel } from 'amqplib';
import { type Broker, closeFully, report } from './broker.ts';

/** Milliseconds before a channel that the broker closed is opened again. */
const REOPEN_PAUSE = 200;

export type ChannelUser<C extends Channel> = {
  open(connection: ChannelModel): Promise<C>;
  /** The channel may be used from now on. */
  opened(channel: C): Promise<void> | void;
  /** It is gone, and what was delivered on it will be delivered again. */
  lost(): void;
};

/** A channel that is opened again whenever the broker can be reached. */
export class SteadyChannel<C extends Channel = Channel> implements AsyncDisposable {
  readonly #broker: Broker;
  readonly #user: ChannelUser<C>;
  readonly #life = new AbortController();
  readonly #running: Promise<void>;
  #channel: C | null = null;

  constructor(broker: Broker, user: ChannelUser<C>) {
    this.#broker = broker;
    this.#user = user;
    this.#running = this.#stayOpen();
  }

  get channel(): C | null {
    return this.#channel;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#life.abort();
    if (this.#channel) await closeFully(this.#channel);
    await this.#running;
  }

  async #stayOpen(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#life.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    while (!this.#life.signal.aborted) {
      try {
        const connection = await Promise.race([this.#broker.connection(), ended]);
        if (connection) await this.#openOnce(connection);
      } catch (error) {
        if (isMissing(error)) await this.#broker.declare().catch(() => undefined);
        else if (!this.#life.signal.aborted && !this.#broker.trouble) report('open channel', error);
      }
      await sleep(REOPEN_PAUSE, undefined, { signal: this.#life.signal }).catch(() => undefined);
    }
  }

  /** Returns when that channel is closed. */
  async #openOnce(connection: ChannelModel): Promise<void> {
    const channel = await this.#broker.answered(this.#user.open(connection));
    if (this.#life.signal.aborted) return closeFully(channel);
    channel.on('error', (error) => report('channel', error));
    const closed = new Promise<void>((resolve) => {
      // In the same step: nothing may be sent on it any more.
      channel.once('close', () => {
        this.#channel = null;
        this.#user.lost();
        resolve();
      });
    });
    try {
      await this.#user.opened(channel);
      this.#channel = channel;
      await closed;
    } catch (error) {
      await closeFully(channel);
      throw error;
    }
  }
}

/** Somebody has deleted a queue. */
export function isMissing(error: unknown): boolean {
  return (error as { code?: unknown }).code === NOT_FOUND;
}

const NOT_FOUND = 404;
