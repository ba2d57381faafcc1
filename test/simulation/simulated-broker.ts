import type { MemoryGenerationQueue } from '../../src/adapters/memory/generation-queue.ts';
import { RETRIES } from '../../src/adapters/rabbitmq/topology.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Delivery, GenerationQueue } from '../../src/ports/generation-queue.ts';
import type { GenerationJob } from '../../src/ports/generations.ts';
import { ChatError } from '../../src/protocol/errors.ts';
import type { Scheduler } from './scheduler.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** As the publisher's: the broker must have taken a message for certain within this. */
const CONFIRM_TIMEOUT_MS = 5_000;
const SLOW_CONFIRM_MS = { least: 50, most: 3_000 };
const DUPLICATE_AFTER_MS = { least: 1, most: 8_000 };

/** Chances, of each publish. */
export type BrokerFaults = {
  /** It is in the queue, and the publisher never hears so. */
  losesConfirms: number;
  /** It is in the queue when it is confirmed, a while later: a restart in between loses it. */
  confirmsLate: number;
  /** Some of the jobs are taken, the others refused. */
  refuses: number;
  /** It is delivered once more than it should be. */
  doubles: number;
};

type Unconfirmed = { jobs: readonly GenerationJob[]; settle: (error: Error | null) => void };

/** The lanes behind publisher confirms: what a RabbitMQ does with a message that it has not confirmed. */
export class SimulatedBroker {
  readonly queue: MemoryGenerationQueue;
  readonly faults: BrokerFaults = { losesConfirms: 0, confirmsLate: 0, refuses: 0, doubles: 0 };
  readonly #scheduler: Scheduler;
  readonly #clock: Clock;
  readonly #unconfirmed = new Set<Unconfirmed>();

  constructor(queue: MemoryGenerationQueue, scheduler: Scheduler, clock: Clock) {
    this.queue = queue;
    this.#scheduler = scheduler;
    this.#clock = clock;
  }

  /** Away: what is confirmed stays, what is not is lost. */
  down(on: boolean): void {
    this.queue.down(on);
    if (!on) return;
    for (const unconfirmed of this.#unconfirmed) unconfirmed.settle(unavailable());
    this.#unconfirmed.clear();
  }

  /** Resolves with the confirm. */
  async publish(jobs: readonly GenerationJob[]): Promise<void> {
    const { faults } = this;
    if (this.#happens(faults.refuses)) {
      await this.queue.publish(jobs.slice(0, this.#scheduler.between(0, jobs.length)));
      throw new ChatError('queue_full', { retryAfterSeconds: 5 });
    }
    if (this.#happens(faults.confirmsLate)) return await this.#publishLate(jobs);
    await this.queue.publish(jobs);
    if (this.#happens(faults.doubles)) {
      const { least, most } = DUPLICATE_AFTER_MS;
      this.#scheduler.after(this.#scheduler.between(least, most), () => void this.queue.publish(jobs).catch(() => {}));
    }
    if (!this.#happens(faults.losesConfirms)) return;
    await this.#clock.sleep(CONFIRM_TIMEOUT_MS);
    throw unavailable();
  }

  async #publishLate(jobs: readonly GenerationJob[]): Promise<void> {
    await this.queue.publish([]);
    await new Promise<void>((resolve, reject) => {
      const settle = (error: Error | null) => (error ? reject(error) : resolve());
      const unconfirmed = { jobs, settle };
      this.#unconfirmed.add(unconfirmed);
      this.#scheduler.after(this.#scheduler.between(SLOW_CONFIRM_MS.least, SLOW_CONFIRM_MS.most), () => {
        if (this.#unconfirmed.delete(unconfirmed)) this.queue.publish(jobs).then(() => settle(null), settle);
      });
    });
  }

  #happens(share: number): boolean {
    return share > 0 && this.#scheduler.random() < share;
  }
}

/** The broker as one process reaches it. */
export function reachBroker(process: SimulatedProcess, scheduler: Scheduler, broker: SimulatedBroker): GenerationQueue {
  const { queue } = broker;
  return {
    isAvailable: true,
    async publish(jobs) {
      await process.step();
      const confirmed = broker.publish(jobs).then(
        () => null,
        (error: unknown) => error,
      );
      const failure = await confirmed;
      await process.step();
      if (failure) throw failure;
    },
    async consume(lane, handle) {
      await process.step();
      const consumer = await queue.consume(lane, (delivery) =>
        process.later(1, () => handle(withRetryQueues(delivery))),
      );
      process.onDeath(() => scheduler.after(scheduler.between(1, 6), () => queue.vanish(consumer)));
      return consumer;
    },
    async stats() {
      await process.step();
      return await queue.stats();
    },
  };
}

/** A delay is that of the nearest retry queue. */
function withRetryQueues(delivery: Delivery): Delivery {
  return {
    job: delivery.job,
    ack: () => delivery.ack(),
    requeue: (delayMs) => delivery.requeue(delayMs <= 0 ? 0 : nearest(delayMs)),
  };
}

function nearest(delayMs: number): number {
  const distance = (retry: { delayMs: number }) => Math.abs(retry.delayMs - delayMs);
  return RETRIES.reduce((best, retry) => (distance(retry) < distance(best) ? retry : best)).delayMs;
}

function unavailable(): ChatError {
  return new ChatError('queue_unavailable', { retryAfterSeconds: 5 });
}
