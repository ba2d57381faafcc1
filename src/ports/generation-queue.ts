import type { Lane } from '../protocol/generation.ts';
import type { GenerationJob } from './generations.ts';

/**
 * Lanes of jobs. At least once, roughly in order within a lane; losing all of it costs latency and
 * no message, since the rows are the truth.
 */
export interface GenerationQueue {
  /** False while publishing is known to fail: whoever would only try again later need not try now. */
  readonly isAvailable: boolean;
  /** Resolves when the queue has it for certain. Throws ChatError `queue_full` or `queue_unavailable`. */
  publish(jobs: readonly GenerationJob[], signal?: AbortSignal): Promise<void>;
  /** One consumer per lane and process. Nothing arrives before `allow`. */
  consume(lane: Lane, handle: (delivery: Delivery) => void): Promise<LaneConsumer>;
  /** As the queue knows them: jobs ready, and consumers. */
  stats(): Promise<Readonly<Record<Lane, LaneStats>>>;
}

export type LaneStats = { messageCount: number; consumerCount: number };

/** Exactly one of `ack` and `requeue` is called, once; a delivery that is never settled comes again when the process of its consumer is gone. */
export interface Delivery {
  readonly job: GenerationJob;
  ack(): void;
  /** Deliver again, to anybody, after `delayMs`. */
  requeue(delayMs: number): void;
}

/** Disposed of: no further delivery; what was delivered may still be settled. */
export interface LaneConsumer extends AsyncDisposable {
  /** At most `count` deliveries may be unsettled at once (prefetch). */
  allow(count: number): void;
}
