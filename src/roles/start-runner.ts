import type { Runner } from '../core/runner.ts';
import type { Clock } from '../ports/clock.ts';
import { ChatError, type ErrorCode } from '../protocol/errors.ts';
import { waitFor } from './wait-for.ts';

const AWAY: ReadonlySet<ErrorCode> = new Set(['database_unavailable', 'state_unavailable']);

/** Waits for a shard that takes the owner's lock: all of them may be away again since they were opened. */
export async function startRunner(runner: Runner, clock: Clock, signal: AbortSignal): Promise<void> {
  const isFinal = (error: unknown) => !(error instanceof ChatError && AWAY.has(error.code));
  await waitFor(clock, 'a database for the lock of this process', () => runner.start(), signal, isFinal);
}
