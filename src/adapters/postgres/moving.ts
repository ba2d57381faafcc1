import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../../lib/backoff.ts';
import type { Clock } from '../../ports/clock.ts';
import { ChatError } from '../../protocol/errors.ts';

/** A freeze takes milliseconds; one whose mover died lasts until another finishes it. */
const BASE_MS = 2;
const MAX_MS = 100;
const PATIENCE_MS = 20_000;

/** Of waits inside the adapter; the simulation brings its own. */
export type WaitClock = Pick<Clock, 'now' | 'sleep' | 'random'>;
export const SYSTEM_CLOCK: WaitClock = {
  now: () => performance.now(),
  sleep: async (ms) => void (await sleep(ms)),
  random: Math.random,
};

/** Until the next look for a user who is between two shards. Throws once the wait since `since` was long enough. */
export async function waitForArrival(look: number, since: number, clock = SYSTEM_CLOCK): Promise<void> {
  if (clock.now() - since > PATIENCE_MS) {
    throw new ChatError('database_unavailable', {
      retryAfterSeconds: 2,
      details: { reason: 'the user is on the move' },
    });
  }
  await clock.sleep(backoffMs(look, BASE_MS, MAX_MS, clock.random()));
}

/** Seconds in all: then who comes under that name is new. */
export function beingDeleted(): ChatError {
  return new ChatError('database_unavailable', {
    retryAfterSeconds: 1,
    details: { reason: 'the user is being deleted' },
  });
}

export function isUnavailable(error: unknown): error is ChatError {
  return error instanceof ChatError && error.code === 'database_unavailable';
}
