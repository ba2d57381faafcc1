import type { Channel } from 'amqplib';
import type { Delivery, GenerationQueue, LaneConsumer, LaneStats } from '../../ports/generation-queue.ts';
import type { GenerationJob } from '../../ports/generations.ts';
import { LANES, type Lane } from '../../protocol/generation.ts';
import { Broker, closeFully } from './broker.ts';
import { consumeDeadLetters, type DeadLetter } from './dead-letter-consumer.ts';
import { RabbitMqLaneConsumer } from './lane-consumer.ts';
import { full, Publisher, unavailable } from './publisher.ts';
import { isMissing } from './steady-channel.ts';
import { LANE_EXCHANGE, laneQueue, presenceQueue } from './topology.ts';

export type RabbitMqOptions = {
  /** `amqp://user:secret@a,b,c/vhost` */
  uri: string;
  /** Shown to the broker's operator. */
  name: string;
  /** Jobs per lane; beyond it publishing is refused. Of a queue that stands already its own length counts as well. */
  maxLength: number;
};

type AllStats = Readonly<Record<Lane, LaneStats>>;

/** Milliseconds that counts are taken for current. */
const STATS_AGE = 500;

/** Lanes as quorum queues of a RabbitMQ; topology and reasons in docs/adr/0014. */
export class RabbitMqGenerationQueue implements GenerationQueue, AsyncDisposable {
  readonly #maxLength: number;
  /** Two connections: a broker that is low on memory stops reading those that publish, and settling must go on. */
  readonly #publishing: Broker;
  readonly #consuming: Broker;
  readonly #publisher: Publisher;
  readonly #consumers = new Set<RabbitMqLaneConsumer>();
  #stats: { at: number; answer: Promise<AllStats> } | null = null;
  /** What a lane held when it was last counted, and what this process has added since. */
  readonly #guess: Record<Lane, number> = { stream: 0, chat: 0, batch: 0 };

  constructor(options: RabbitMqOptions) {
    this.#maxLength = options.maxLength;
    this.#publishing = new Broker({ ...options, name: `${options.name} publishing` });
    this.#consuming = new Broker({ ...options, name: `${options.name} consuming` });
    this.#publisher = new Publisher(this.#publishing);
  }

  /** Why nothing can be published now; null where it can. */
  get trouble(): string | null {
    return this.#publisher.trouble;
  }

  get isAvailable(): boolean {
    return this.trouble === null;
  }

  /** Refused as a whole where a lane is known to have no room; where others fill it meanwhile, in part. */
  async publish(jobs: readonly GenerationJob[], signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (jobs.length === 0) return;
    const { trouble } = this.#publisher;
    if (trouble) throw unavailable(new Error(trouble));
    await this.#needRoom(jobs);
    for (const { lane } of jobs) this.#guess[lane]++;
    await this.#publisher.publish(
      jobs.map((job) => ({ exchange: LANE_EXCHANGE, job })),
      signal,
    );
  }

  async consume(lane: Lane, handle: (delivery: Delivery) => void): Promise<LaneConsumer> {
    const consumer = new RabbitMqLaneConsumer({ broker: this.#consuming, publisher: this.#publisher, lane, handle });
    this.#consumers.add(consumer);
    return consumer;
  }

  stats(): Promise<AllStats> {
    return this.#count(STATS_AGE);
  }

  /** `store` keeps it for good; a letter that it refuses comes again. */
  consumeDeadLetters(store: (letter: DeadLetter) => Promise<void>): AsyncDisposable {
    return consumeDeadLetters(this.#consuming, store);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()));
    await this.#publisher[Symbol.asyncDispose]();
    await Promise.all([this.#publishing[Symbol.asyncDispose](), this.#consuming[Symbol.asyncDispose]()]);
  }

  /** Counts are asked for only where the guess says that it is tight: the broker's own bound stands behind it. */
  async #needRoom(jobs: readonly GenerationJob[]): Promise<void> {
    const more = (lane: Lane) => jobs.filter((job) => job.lane === lane).length;
    const isFull = (lane: Lane) => more(lane) > 0 && this.#guess[lane] + more(lane) > this.#maxLength;
    if (!LANES.some(isFull)) return;
    await this.#count(0);
    if (LANES.some(isFull)) throw full();
  }

  #count(maxAgeMs: number): Promise<AllStats> {
    const { trouble } = this.#consuming;
    if (trouble) return Promise.reject(unavailable(new Error(trouble)));
    if (this.#stats && Date.now() - this.#stats.at < maxAgeMs) return this.#stats.answer;
    const answer = this.#ask();
    answer.catch(() => {
      if (this.#stats?.answer === answer) this.#stats = null;
    });
    this.#stats = { at: Date.now(), answer };
    return answer;
  }

  async #ask(): Promise<AllStats> {
    try {
      return await this.#consuming.answered(this.#lookAtAll());
    } catch (error) {
      if (!isMissing(error)) throw unavailable(error);
    }
    // Somebody has deleted a queue.
    try {
      await this.#consuming.declare();
      return await this.#consuming.answered(this.#lookAtAll());
    } catch (error) {
      throw unavailable(error);
    }
  }

  /** On a channel of its own: the broker closes it where a queue is missing. */
  async #lookAtAll(): Promise<AllStats> {
    const connection = await this.#consuming.connection();
    const channel = await connection.createChannel();
    channel.on('error', () => undefined);
    const [stream, chat, batch] = await Promise.all([
      this.#look(channel, 'stream'),
      this.#look(channel, 'chat'),
      this.#look(channel, 'batch'),
    ]);
    void closeFully(channel);
    return { stream, chat, batch };
  }

  async #look(channel: Channel, lane: Lane): Promise<LaneStats> {
    const [{ messageCount }, { consumerCount }] = await Promise.all([
      channel.checkQueue(laneQueue(lane)),
      channel.checkQueue(presenceQueue(lane)),
    ]);
    this.#guess[lane] = messageCount;
    return { messageCount, consumerCount };
  }
}
