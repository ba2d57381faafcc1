import { backoffMs } from '../lib/backoff.ts';
import { reasonOf } from '../lib/reason-of.ts';
import type { Clock } from '../ports/clock.ts';
import { logger } from '../telemetry/logger.ts';

const BASE_MS = 100;
const MAX_MS = 2_000;
/** One line in so many milliseconds, however often it is tried. */
const SAY_AGAIN_MS = 10_000;

/** Tries until it works, and says what it waits for. Rejects only with the signal's reason, or where `isFinal` says so. */
export async function waitFor<T>(
  clock: Clock,
  what: string,
  attempt: () => Promise<T>,
  signal: AbortSignal,
  isFinal: (error: unknown) => boolean = () => false,
): Promise<T> {
  let saidAt = Number.NEGATIVE_INFINITY;
  for (let tries = 0; ; tries++) {
    signal.throwIfAborted();
    try {
      const result = await attempt();
      if (tries > 0) logger().info({ dependency: what }, `${what}: there`);
      return result;
    } catch (error) {
      signal.throwIfAborted();
      if (isFinal(error)) throw error;
      if (clock.now() - saidAt >= SAY_AGAIN_MS) {
        saidAt = clock.now();
        logger().warn({ dependency: what, reason: reasonOf(error) }, `waiting for ${what}`);
      }
      await clock.sleep(backoffMs(tries, BASE_MS, MAX_MS, clock.random()), signal);
    }
  }
}
