import type { GenerationJob, OwnerId } from '../ports/generations.ts';
import { portFailed, sweptUp } from '../telemetry/events.ts';
import { type DispatchPorts, type DispatchSettings, dispatch, dispatchNext } from './dispatch.ts';

export type RecoverSettings = {
  dispatch: DispatchSettings;
  /** Milliseconds between two looks at every shard. */
  intervalMs: number;
  /** Rows returned by one look. */
  batch: number;
  unconfirmedAfterMs: number;
  unclaimedAfterMs: number;
  /** The queue of a fresh process holds nothing: everything dispatched is published again at once. */
  queueLostAtStart: boolean;
};

/** Whoever sweeps, as the sweeper sees it. */
export interface Sweeping {
  readonly owner: OwnerId;
  /** Generations that it could run now beside those that it runs. */
  readonly room: number;
  /** False where it cannot run that job now. */
  takeUp(job: GenerationJob): boolean;
}

/**
 * The sweeper: looks at the rows for what stands still, whatever the reason, and sets it going again. What its
 * process has a slot for it runs itself: the queue may be away, or may give it to a consumer that hangs. The
 * rest it publishes. Runs until aborted; a failed look is followed by the next.
 */
export async function recoverStalled(
  ports: DispatchPorts,
  settings: RecoverSettings,
  sweeping: Sweeping,
  signal: AbortSignal,
): Promise<void> {
  let queueLost = settings.queueLostAtStart;
  while (!signal.aborted) {
    try {
      const full = await sweepOnce(ports, settings, sweeping, queueLost);
      queueLost &&= full;
      if (!full) await ports.clock.sleep(settings.intervalMs, signal);
    } catch (error) {
      if (signal.aborted) return;
      portFailed({ port: 'outbox', operation: 'sweep', error });
      await ports.clock.sleep(settings.intervalMs, signal).catch(() => {});
    }
  }
}

/** True where there may be more, and it can be set going. */
async function sweepOnce(
  ports: DispatchPorts,
  settings: RecoverSettings,
  sweeping: Sweeping,
  queueLost: boolean,
): Promise<boolean> {
  // What can neither be run nor published now would only be stamped as looked at.
  const limit = ports.queue.isAvailable ? settings.batch : Math.min(settings.batch, sweeping.room);
  if (limit === 0) return false;
  const { unconfirmedAfterMs, unclaimedAfterMs } = settings;
  const { owner } = sweeping;
  const swept = await ports.outbox.sweep({ owner, limit, unconfirmedAfterMs, unclaimedAfterMs, queueLost });
  sweptUp({ stalled: swept.stalled.length, waitingUsers: swept.waitingUsers.length });
  const published = await dispatch(
    ports,
    swept.stalled.filter((job) => !sweeping.takeUp(job)),
  );
  for (const userId of swept.waitingUsers) await dispatchNext(ports, settings.dispatch, userId);
  return published && swept.stalled.length >= limit;
}
