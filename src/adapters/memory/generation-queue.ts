import type { Clock } from '../../ports/clock.ts';
import type { Delivery, GenerationQueue, LaneConsumer, LaneStats } from '../../ports/generation-queue.ts';
import type { GenerationJob } from '../../ports/generations.ts';
import { ChatError } from '../../protocol/errors.ts';
import { LANES, type Lane } from '../../protocol/generation.ts';
import { JobLine } from './job-line.ts';

export type MemoryGenerationQueueOptions = {
  clock: Clock;
  /** Jobs per lane that may be ready or delayed; beyond it publishing is refused. */
  maxLength?: number;
  /** What a refused caller is told to wait. */
  retryAfterSeconds?: number;
};

type Consumer = {
  handle: (delivery: Delivery) => void;
  allowed: number;
  unsettled: Set<Unsettled>;
  consuming: boolean;
};
type Unsettled = { job: GenerationJob };
type LaneState = { line: JobLine; consumers: Consumer[] };

/** In-process lanes. Lost with the process: the rows of the generations refill it at start. */
export class MemoryGenerationQueue implements GenerationQueue, AsyncDisposable {
  readonly #clock: Clock;
  readonly #maxLength: number;
  readonly #retryAfterSeconds: number;
  readonly #lanes: Record<Lane, LaneState> = { stream: emptyLane(), chat: emptyLane(), batch: emptyLane() };
  readonly #consumers = new Map<LaneConsumer, Consumer>();
  /** Jobs in their delay; aborted with the queue, or with what it holds. */
  #delayed = new Set<GenerationJob>();
  #delays = new AbortController();
  #down = false;
  #pumping = false;

  constructor({ clock, maxLength = 1_000_000, retryAfterSeconds = 5 }: MemoryGenerationQueueOptions) {
    this.#clock = clock;
    this.#maxLength = maxLength;
    this.#retryAfterSeconds = retryAfterSeconds;
  }

  get isAvailable(): boolean {
    return !this.#down;
  }

  /** All of them or, where a lane has no room, none. */
  async publish(jobs: readonly GenerationJob[], signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.#needUp();
    for (const lane of LANES) {
      const more = jobs.filter((job) => job.lane === lane).length;
      if (more > 0 && this.#length(lane) + more > this.#maxLength) {
        throw new ChatError('queue_full', { retryAfterSeconds: this.#retryAfterSeconds });
      }
    }
    for (const job of jobs) this.#lanes[job.lane].line.push(job);
    this.#pump();
  }

  async consume(lane: Lane, handle: (delivery: Delivery) => void): Promise<LaneConsumer> {
    this.#needUp();
    const consumer: Consumer = { handle, allowed: 0, unsettled: new Set(), consuming: true };
    this.#lanes[lane].consumers.push(consumer);
    const laneConsumer: LaneConsumer = {
      allow: (count) => {
        consumer.allowed = count;
        this.#pump();
      },
      [Symbol.asyncDispose]: async () => this.#leave(lane, consumer),
    };
    this.#consumers.set(laneConsumer, consumer);
    return laneConsumer;
  }

  async stats(): Promise<Readonly<Record<Lane, LaneStats>>> {
    this.#needUp();
    const of = ({ line, consumers }: LaneState) => ({ messageCount: line.length, consumerCount: consumers.length });
    return { stream: of(this.#lanes.stream), chat: of(this.#lanes.chat), batch: of(this.#lanes.batch) };
  }

  /** Fault: the process of this consumer is dead, and what it left unsettled comes again. */
  vanish(laneConsumer: LaneConsumer): void {
    const consumer = this.#consumers.get(laneConsumer);
    if (!consumer) return;
    for (const lane of LANES) this.#leave(lane, consumer);
    this.#takeBack(consumer);
    this.#consumers.delete(laneConsumer);
    this.#pump();
  }

  /** Fault: the queue forgets every job, also those out with a consumer. */
  loseAll(): void {
    for (const lane of LANES) this.#lanes[lane].line.clear();
    for (const consumer of this.#consumers.values()) consumer.unsettled.clear();
    this.#dropDelayed();
    this.#pump();
  }

  /** Fault: out of reach until switched off. What was out with consumers comes again then, and settling it says nothing. */
  down(on: boolean): void {
    this.#down = on;
    if (on) for (const consumer of this.#consumers.values()) this.#takeBack(consumer);
    else this.#pump();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const consumer of this.#consumers.values()) for (const lane of LANES) this.#leave(lane, consumer);
    this.#consumers.clear();
    this.#dropDelayed();
  }

  #needUp(): void {
    if (this.#down) throw new ChatError('queue_unavailable', { retryAfterSeconds: this.#retryAfterSeconds });
  }

  #length(lane: Lane): number {
    let length = this.#lanes[lane].line.length;
    for (const job of this.#delayed) if (job.lane === lane) length++;
    return length;
  }

  #leave(lane: Lane, consumer: Consumer): void {
    consumer.consuming = false;
    const { consumers } = this.#lanes[lane];
    const at = consumers.indexOf(consumer);
    if (at >= 0) consumers.splice(at, 1);
    if (consumer.unsettled.size === 0) this.#forget(consumer);
  }

  #forget(consumer: Consumer): void {
    for (const [laneConsumer, known] of this.#consumers) {
      if (known === consumer) this.#consumers.delete(laneConsumer);
    }
  }

  /** To the head of their lanes, in the order they went out. */
  #takeBack(consumer: Consumer): void {
    for (const { job } of [...consumer.unsettled].reverse()) this.#lanes[job.lane].line.putBack(job);
    consumer.unsettled.clear();
  }

  /** Never from within the caller's own step: a consumer is not called by its own `allow` or `ack`. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      if (!this.#down) for (const lane of LANES) this.#deliver(this.#lanes[lane]);
    });
  }

  /** Round robin: whoever got one goes behind the others. */
  #deliver({ line, consumers }: LaneState): void {
    while (line.length > 0) {
      const at = consumers.findIndex(({ unsettled, allowed }) => unsettled.size < allowed);
      const [consumer] = at < 0 ? [] : consumers.splice(at, 1);
      const job = consumer && line.shift();
      if (!consumer || !job) return;
      consumers.push(consumer);
      const unsettled = { job };
      consumer.unsettled.add(unsettled);
      consumer.handle(this.#delivery(consumer, unsettled));
    }
  }

  #delivery(consumer: Consumer, unsettled: Unsettled): Delivery {
    let settled = false;
    const settle = (): boolean => {
      if (settled) throw new Error('A delivery is settled once.');
      settled = true;
      const counts = consumer.unsettled.delete(unsettled);
      if (!consumer.consuming && consumer.unsettled.size === 0) this.#forget(consumer);
      if (counts) this.#pump();
      return counts;
    };
    return {
      job: unsettled.job,
      ack: () => void settle(),
      requeue: (delayMs) => {
        if (!settle()) return;
        if (delayMs <= 0) this.#lanes[unsettled.job.lane].line.push(unsettled.job);
        else void this.#delay(unsettled.job, delayMs);
      },
    };
  }

  async #delay(job: GenerationJob, delayMs: number): Promise<void> {
    const delayed = this.#delayed;
    const own = { ...job };
    delayed.add(own);
    try {
      await this.#clock.sleep(delayMs, this.#delays.signal);
    } catch {
      return;
    }
    if (!delayed.delete(own)) return;
    this.#lanes[job.lane].line.push(job);
    this.#pump();
  }

  #dropDelayed(): void {
    this.#delays.abort();
    this.#delays = new AbortController();
    this.#delayed.clear();
  }
}

function emptyLane(): LaneState {
  return { line: new JobLine(), consumers: [] };
}
