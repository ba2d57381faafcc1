import type { Clock } from '../ports/clock.ts';
import type { Outbox } from '../ports/outbox.ts';
import { portFailed } from '../telemetry/events.ts';

/** Milliseconds that the answer of a request that was not to be stored stays readable, and between two looks. */
export type ForgetSettings = { afterMs: number; intervalMs: number; batch: number };

/** Takes out what was not to be stored. Runs until aborted; a failed look is followed by the next. */
export async function forgetTransient(
  ports: { outbox: Outbox; clock: Clock },
  { afterMs, intervalMs, batch }: ForgetSettings,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const forgotten = await ports.outbox.forgetTransient(afterMs, batch);
      if (forgotten < batch) await ports.clock.sleep(intervalMs, signal);
    } catch (error) {
      if (signal.aborted) return;
      portFailed({ port: 'outbox', operation: 'forgetTransient', error });
      await ports.clock.sleep(intervalMs, signal).catch(() => {});
    }
  }
}
