import type { ConfirmChannel } from 'amqplib';
import { BrokenCircuitError, ConsecutiveBreaker, circuitBreaker, handleType } from 'cockatiel';
import type { GenerationJob } from '../../ports/generations.ts';
import { ChatError } from '../../protocol/errors.ts';
import { type Broker, closeFully, report } from './broker.ts';
import { SteadyChannel } from './steady-channel.ts';
import { LANE_EXCHANGE, laneQueue } from './topology.ts';

/** Milliseconds within which the broker must have taken a message for certain. */
const CONFIRM_TIMEOUT = 5000;
/** Silent publishes in a row after which the next ones fail at once, and milliseconds until one may try again. */
const BREAK_AFTER = 2;
const TRY_AGAIN_AFTER = 1000;
/** Milliseconds between two looks at whether a queue that refuses is full. */
const DOUBT_EVERY = 10_000;
/** Seconds that a refused caller is told to wait. */
const RETRY_AFTER = 5;

/** The client's words for it: the queue has reached its length. Any other error is a channel that ended. */
const NEGATIVE_CONFIRM = 'message nacked';

export type Message = { exchange: string; job: GenerationJob };

/** The broker did not answer: what feeds the breaker, unlike a refusal, which is an answer. */
class Silent extends Error {}

/** Publishes with confirms. All messages of one call are under way together. */
export class Publisher implements AsyncDisposable {
  readonly #broker: Broker;
  readonly #channel: SteadyChannel<ConfirmChannel>;
  readonly #breaker = circuitBreaker(handleType(Silent), {
    breaker: new ConsecutiveBreaker(BREAK_AFTER),
    halfOpenAfter: TRY_AGAIN_AFTER,
  });
  /** Ids of messages that no queue would take; their confirm follows. */
  readonly #returned = new Set<string>();
  #lastId = 0;
  #lastDoubt = Number.NEGATIVE_INFINITY;

  constructor(broker: Broker) {
    this.#broker = broker;
    this.#channel = new SteadyChannel<ConfirmChannel>(broker, {
      open: (connection) => connection.createConfirmChannel(),
      opened: (channel) => {
        channel.on('return', (message) => this.#returned.add(message.properties.messageId));
      },
      lost: () => this.#returned.clear(),
    });
  }

  get trouble(): string | null {
    return this.#broker.trouble ?? (this.#channel.channel ? null : 'no channel');
  }

  /** Resolves when the broker has all of them for certain. */
  async publish(messages: readonly Message[], signal?: AbortSignal): Promise<void> {
    const { trouble } = this;
    const { channel } = this.#channel;
    if (trouble || !channel) throw unavailable(new Error(trouble ?? undefined));
    try {
      await this.#breaker.execute(() => this.#deliver(channel, messages, signal));
    } catch (error) {
      if (error instanceof Silent || error instanceof BrokenCircuitError) throw unavailable(error);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#channel[Symbol.asyncDispose]();
  }

  async #deliver(channel: ConfirmChannel, messages: readonly Message[], signal?: AbortSignal): Promise<void> {
    const left = await this.#send(channel, messages, signal);
    if (left.length === 0) return;
    // Somebody has deleted a queue.
    await this.#broker.declare().catch((error: unknown) => {
      throw unavailable(error);
    });
    if ((await this.#send(channel, left, signal)).length > 0) throw unavailable(new Error('No queue takes it.'));
  }

  /** Resolves with those that no queue would take. */
  async #send(channel: ConfirmChannel, messages: readonly Message[], signal?: AbortSignal): Promise<Message[]> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const giveUp = () => reject(signal?.reason);
    const late = setTimeout(() => {
      // A connection that swallows messages is of no use to anybody.
      this.#broker.suspect();
      reject(new Silent(`The broker has not confirmed within ${CONFIRM_TIMEOUT} ms.`));
    }, CONFIRM_TIMEOUT);
    signal?.addEventListener('abort', giveUp, { once: true });
    const unroutable: Message[] = [];
    let waiting = messages.length;
    const settle = (message: Message, messageId: string, error: Error | null) => {
      if (this.#returned.delete(messageId)) unroutable.push(message);
      else if (error?.message === NEGATIVE_CONFIRM) {
        void this.#doubt(channel, message).catch((trouble: unknown) => report('look at a refusing queue', trouble));
        return reject(full(error));
      } else if (error) return reject(unavailable(error));
      if (--waiting === 0) resolve();
    };
    try {
      for (const message of messages) {
        const { exchange, job } = message;
        const messageId = `${++this.#lastId}`;
        const options = { persistent: true, mandatory: true, contentType: 'application/json', messageId };
        const body = Buffer.from(JSON.stringify(job));
        channel.publish(exchange, job.lane, body, options, (error) => settle(message, messageId, error));
      }
      await promise;
      return unroutable;
    } finally {
      clearTimeout(late);
      signal?.removeEventListener('abort', giveUp);
    }
  }

  /**
   * A channel can be refused for good by a queue that has room: servers of 3.10 were seen to, after a node that led
   * the queue had died. Another channel is heard.
   */
  async #doubt(channel: ConfirmChannel, { exchange, job }: Message): Promise<void> {
    if (performance.now() - this.#lastDoubt < DOUBT_EVERY) return;
    this.#lastDoubt = performance.now();
    const queue = exchange === LANE_EXCHANGE ? laneQueue(job.lane) : exchange;
    if (await this.#broker.hasRoom(queue)) await closeFully(channel);
  }
}

export function full(cause?: unknown): ChatError {
  return new ChatError('queue_full', { retryAfterSeconds: RETRY_AFTER, cause });
}

export function unavailable(cause?: unknown): ChatError {
  return new ChatError('queue_unavailable', { retryAfterSeconds: RETRY_AFTER, cause });
}
