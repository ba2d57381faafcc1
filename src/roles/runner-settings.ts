import type { CommonConfig } from '../config/config.ts';
import type { AcceptLimits } from '../core/accept-message.ts';
import type { DispatchSettings } from '../core/dispatch.ts';
import type { FollowSettings } from '../core/follow-generation.ts';
import type { ForgetSettings } from '../core/forget-transient.ts';
import type { RecoverSettings } from '../core/recover-stalled.ts';
import type { RunnerSettings, SummarySettings } from '../core/run.ts';
import type { SlotPlan } from '../core/slots.ts';
import type { StopSettings } from '../core/stop-generation.ts';

const CONTEXT_TTL_MS = 60 * 60_000;
const SUMMARY: SummarySettings = { every: 6, maxTokens: 400, ttlMs: 30 * 24 * 60 * 60_000 };
/** Of text and reasoning; longer ones are seldom asked for again. */
const LONGEST_CACHED_ANSWER_BYTES = 64 * 1024;
/** Longer than nearly every answer waits and takes. */
const BUDGET_HOLD_MS = 60 * 60_000;
/** Minutes are enough for a client that repeats its request under the same key. */
const FORGET: ForgetSettings = { afterMs: 10 * 60_000, intervalMs: 30_000, batch: 1000 };
/** Live text kept for a reader that is slower than its answer; the log has the rest. */
const READER_BUFFER_BYTES = 64 * 1024;

export type CoreSettings = {
  dispatch: DispatchSettings;
  accept: AcceptLimits;
  stop: StopSettings;
  follow: FollowSettings;
  runner: RunnerSettings;
  recover: RecoverSettings;
  forget: ForgetSettings;
  forgetTemporary: ForgetSettings;
  slots: SlotPlan;
};

/** What the configuration means to `core/`. `queueLostAtStart`: the queue does not outlive the process. */
export function coreSettings(config: CommonConfig, queueLostAtStart: boolean): CoreSettings {
  const dispatch = { perUser: config.dispatchPerUser, alone: config.slots.total };
  return {
    dispatch,
    accept: {
      dispatch,
      maxWaitingPerUser: config.admission.maxWaitingPerUser,
      maxWaiting: config.admission.maxWaiting,
      maxWaitSeconds: config.admission.maxWaitSeconds,
      historyMessages: config.historyMessages,
      budgetHoldMs: BUDGET_HOLD_MS,
    },
    stop: { dispatch, stopAckTimeoutMs: config.stopAckTimeoutMs },
    follow: { watchdogMs: config.streams.followWatchdogMs, maxBufferedBytes: READER_BUFFER_BYTES },
    runner: {
      dispatch,
      flush: { windowMs: config.streams.flushWindowMs, windowMaxMs: config.streams.flushWindowMaxMs },
      context: { historyMessages: config.historyMessages, contextTtlMs: CONTEXT_TTL_MS },
      answerCache: config.answerCache && { ...config.answerCache, maxBytes: LONGEST_CACHED_ANSWER_BYTES },
      summary: config.summarises ? SUMMARY : null,
      titles: config.titles,
      leaseMs: config.leaseMs,
      maxAttempts: config.attempts.max,
      maxTakeovers: config.attempts.maxTakeovers,
      retryDelayMs: config.attempts.delayMs,
      retryDelayMaxMs: config.attempts.maxDelayMs,
      degradeAboveMs: config.degradeAboveMs,
    },
    recover: { dispatch, ...config.recovery, queueLostAtStart },
    forget: FORGET,
    forgetTemporary: { ...FORGET, afterMs: config.data.temporaryTtlMs },
    slots: { total: config.slots.total, reserve: config.slots.reserved },
  };
}
