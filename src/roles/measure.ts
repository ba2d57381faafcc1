import type { DeadLetters } from '../ports/dead-letters.ts';
import type { GenerationQueue } from '../ports/generation-queue.ts';
import { LANES } from '../protocol/generation.ts';
import {
  deadLettersCounted,
  oldestJobMeasured,
  partitionsMeasured,
  queueMeasured,
  replicaMeasured,
  shardMeasured,
} from '../telemetry/events.ts';
import type { Databases } from './open-sharded-store.ts';

const INTERVAL_MS = 5_000;

/** Figures that are counted where they stand, and not as they come. What cannot be asked keeps its last one. */
export function keepMeasuring(measures: readonly (() => Promise<void>)[]): Disposable {
  // Each by itself: one that waits for a server that hangs does not stop the others.
  const underWay = new Set<() => Promise<void>>();
  const timer = setInterval(() => {
    for (const measure of measures) {
      if (underWay.has(measure)) continue;
      underWay.add(measure);
      measure()
        .catch(() => {})
        .finally(() => underWay.delete(measure));
    }
  }, INTERVAL_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

export async function measureLanes(queue: GenerationQueue): Promise<void> {
  const lanes = await queue.stats();
  for (const lane of LANES) queueMeasured(lane, lanes[lane].messageCount);
}

export async function measureOldestJobs(databases: Databases): Promise<void> {
  const oldest = await databases.oldestJobs();
  for (const lane of LANES) oldestJobMeasured(lane, oldest[lane] ?? 0);
}

export async function measureDeadLetters(deadLetters: DeadLetters): Promise<void> {
  deadLettersCounted(await deadLetters.count());
}

export async function measureDatabases(databases: Databases): Promise<void> {
  for (const { name, isUp, pool } of databases.shards()) shardMeasured(name, isUp, pool);
  for (const { replica, lagMs } of databases.replicaLags()) replicaMeasured(replica, lagMs);
}

export async function measurePartitions(databases: Databases): Promise<void> {
  for (const { name, months } of await databases.partitionMonths()) partitionsMeasured(name, months);
}
