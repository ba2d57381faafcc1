import type { Cache } from '../ports/cache.ts';
import type { Clock } from '../ports/clock.ts';
import type { Outbox } from '../ports/outbox.ts';
import { portFailed } from '../telemetry/events.ts';
import { contextKey } from './conversation-context.ts';
import { summaryKey } from './conversation-summary.ts';
import type { ForgetSettings } from './forget-transient.ts';

/** Deletes temporary conversations for good. Runs until aborted; a failed look is followed by the next. */
export async function forgetTemporary(
  ports: { outbox: Outbox; clock: Clock; cache: Cache },
  { afterMs, intervalMs, batch }: ForgetSettings,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const forgotten = await ports.outbox.forgetTemporary(afterMs, batch);
      await Promise.all(
        forgotten.flatMap((id) => [ports.cache.delete(contextKey(id)), ports.cache.delete(summaryKey(id))]),
      );
      if (forgotten.length < batch) await ports.clock.sleep(intervalMs, signal);
    } catch (error) {
      if (signal.aborted) return;
      portFailed({ port: 'outbox', operation: 'forgetTemporary', error });
      await ports.clock.sleep(intervalMs, signal).catch(() => {});
    }
  }
}
