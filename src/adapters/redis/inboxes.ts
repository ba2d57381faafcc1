import { randomUUID } from 'node:crypto';
import type { OwnerId } from '../../ports/generations.ts';
import type { Inboxes, InboxMessage } from '../../ports/inboxes.ts';
import { portFailed } from '../../telemetry/events.ts';
import type { RedisConnection } from './connection.ts';
import type { RedisNode } from './redis-node.ts';
import { Subscriber } from './subscriber.ts';

type Act = (message: InboxMessage) => Promise<boolean>;
/** What travels: the message with where to answer, or the answer. */
type Letter = { id: string; reply: string; message: InboxMessage };
type Answer = { id: string; acted: boolean };

const LISTEN_PATIENCE_MS = 10_000;

/** Letters by publish, answered on a channel of the process that asks. */
export class RedisInboxes implements Inboxes, AsyncDisposable {
  readonly #connection: RedisConnection;
  readonly #replies = `replies:${randomUUID()}`;
  readonly #channels = new Map<string, (message: Buffer) => void>();
  readonly #subscribers = new Map<RedisNode, Subscriber>();
  readonly #waiting = new Map<string, (acted: boolean) => void>();
  readonly #stopWatching: () => void;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
    this.#stopWatching = connection.onChange(() => this.#place());
  }

  async tell(owner: OwnerId, message: InboxMessage, timeoutMs: number): Promise<boolean> {
    const letter: Letter = { id: randomUUID(), reply: this.#replies, message };
    const { promise: answer, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), timeoutMs);
    this.#waiting.set(letter.id, resolve);
    const send = async () => {
      await this.#hear(this.#replies, (bytes) => this.#answered(bytes), timeoutMs);
      if ((await this.#publish(inboxOf(owner), letter)) === 0) resolve(false);
    };
    send().catch((error: unknown) => {
      portFailed({ port: 'inboxes', operation: 'tell', owner, error });
      resolve(false);
    });
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(letter.id);
    }
  }

  async listen(owner: OwnerId, act: Act): Promise<AsyncDisposable> {
    const channel = inboxOf(owner);
    if (this.#channels.has(channel)) throw new Error(`Somebody listens for ${owner} already.`);
    // What is under way when it leaves may still arrive.
    const hear = (bytes: Buffer) => {
      if (this.#channels.get(channel) === hear) void this.#act(bytes, act);
    };
    try {
      await this.#hear(channel, hear, LISTEN_PATIENCE_MS);
    } catch (error) {
      // It goes on subscribing: until then what is said is lost, as the port allows.
      portFailed({ port: 'inboxes', operation: 'listen', owner, error });
    }
    return {
      [Symbol.asyncDispose]: async () => {
        this.#channels.delete(channel);
        for (const subscriber of this.#subscribers.values()) subscriber.unsubscribe(channel);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopWatching();
    for (const subscriber of this.#subscribers.values()) subscriber.close();
    this.#subscribers.clear();
    this.#channels.clear();
  }

  /** Resolves once the channel is heard. */
  async #hear(channel: string, hear: (message: Buffer) => void, patienceMs: number): Promise<void> {
    if (!this.#channels.has(channel)) {
      this.#channels.set(channel, hear);
      this.#place();
    }
    await this.#subscriberOf(channel).heard(channel, patienceMs);
  }

  /** Each channel is subscribed at the server that has its slot now. */
  #place(): void {
    const nodes = new Set(this.#connection.nodes);
    for (const [node, subscriber] of this.#subscribers) {
      if (nodes.has(node)) continue;
      subscriber.close();
      this.#subscribers.delete(node);
    }
    for (const [channel, hear] of this.#channels) {
      try {
        this.#subscriberOf(channel).subscribe(channel, hear);
      } catch {
        // No server has it now; there will be news.
      }
    }
  }

  #subscriberOf(channel: string): Subscriber {
    const node = this.#connection.nodeOf(channel);
    const known = this.#subscribers.get(node);
    if (known) return known;
    const moved = () => {
      for (const each of this.#channels.keys()) this.#subscribers.get(node)?.unsubscribe(each);
      void this.#connection.refresh().then(() => this.#place());
    };
    const subscriber = new Subscriber(node, () => {}, moved);
    this.#subscribers.set(node, subscriber);
    return subscriber;
  }

  async #act(bytes: Buffer, act: Act): Promise<void> {
    const { id, reply, message } = JSON.parse(String(bytes)) as Letter;
    let acted = false;
    try {
      acted = await act(message);
    } catch (error) {
      portFailed({ port: 'inboxes', operation: 'act', error });
    }
    await this.#publish(reply, { id, acted }).catch((error: unknown) => {
      portFailed({ port: 'inboxes', operation: 'answer', error });
    });
  }

  #answered(bytes: Buffer): void {
    const { id, acted } = JSON.parse(String(bytes)) as Answer;
    this.#waiting.get(id)?.(acted);
  }

  /** How many heard it. */
  async #publish(channel: string, letter: Letter | Answer): Promise<number> {
    return (await this.#connection.send(channel, ['SPUBLISH', channel, JSON.stringify(letter)])) as number;
  }
}

const inboxOf = (owner: OwnerId) => `inbox:${owner}`;
