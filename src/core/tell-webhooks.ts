import { backoffMs } from '../lib/backoff.ts';
import type { Clock } from '../ports/clock.ts';
import type { Generation } from '../ports/generations.ts';
import {
  type DueWebhook,
  WebhookError,
  type WebhookOutcome,
  type WebhookSender,
  type Webhooks,
} from '../ports/webhooks.ts';
import { checkEndpoint, streamEndpoint } from '../protocol/addresses.ts';
import { portFailed, webhookTold } from '../telemetry/events.ts';

export type WebhookPorts = { webhooks: Webhooks; sender: WebhookSender; clock: Clock };

export type WebhookSettings = {
  /** Milliseconds between two looks, while none is due. */
  intervalMs: number;
  /** Notices on their way at once. */
  concurrency: number;
  /** Milliseconds: longer than an attempt may take. One whose process died is sent again after it. */
  leaseMs: number;
  maxAttempts: number;
  retryDelayMs: number;
  retryDelayMaxMs: number;
};

/** Tells whoever asked that their answers have ended. Runs until aborted; a failed look is followed by the next. */
export async function tellWebhooks(ports: WebhookPorts, settings: WebhookSettings, signal: AbortSignal): Promise<void> {
  const underWay = new Set<Promise<void>>();
  while (!signal.aborted) {
    const room = settings.concurrency - underWay.size;
    const due = await ports.webhooks.claim(room, settings.leaseMs).catch((error: unknown) => {
      portFailed({ port: 'webhooks', operation: 'claim', error });
      return [];
    });
    for (const webhook of due) {
      const telling = tell(ports, settings, webhook, signal).finally(() => underWay.delete(telling));
      underWay.add(telling);
    }
    // Full, any that ends makes room; else there is nothing to do for a while.
    if (due.length === room) await Promise.race(underWay);
    else await ports.clock.sleep(settings.intervalMs, signal).catch(() => {});
  }
  await Promise.all(underWay);
}

/** Never rejects: what is not settled comes again after its lease. */
async function tell(
  ports: WebhookPorts,
  settings: WebhookSettings,
  webhook: DueWebhook,
  signal: AbortSignal,
): Promise<void> {
  const { generation, url, attempt } = webhook;
  try {
    const { id, workspaceId, state } = generation;
    const notice = { id: `${id}-${state}`, workspaceId, url, body: JSON.stringify(noticeOf(ports.clock, generation)) };
    const outcome = await ports.sender.send(notice, signal).then(
      (): WebhookOutcome => ({ kind: 'delivered' }),
      (error: unknown) => failureOf(ports.clock, settings, attempt, error),
    );
    if (signal.aborted && outcome.kind !== 'delivered') return;
    webhookTold({ generation: id, attempts: attempt, outcome: outcome.kind });
    await ports.webhooks.settle(webhook, outcome);
  } catch (error) {
    portFailed({ port: 'webhooks', operation: 'settle', generation: generation.id, error });
  }
}

/** Where the answer is, and how it ended; not what it says. */
function noticeOf(clock: Clock, generation: Generation) {
  const { id, state, conversationNumber, receipt, error } = generation;
  return {
    type: `generation.${state}`,
    timestamp: new Date(clock.now()).toISOString(),
    data: {
      id,
      state,
      conversation: conversationNumber,
      check_endpoint: checkEndpoint(id),
      stream_endpoint: streamEndpoint(id),
      receipt,
      error,
    },
  };
}

function failureOf(clock: Clock, settings: WebhookSettings, attempt: number, error: unknown): WebhookOutcome {
  const message = error instanceof Error ? error.message : String(error);
  const isFinal = error instanceof WebhookError && error.isFinal;
  if (isFinal || attempt >= settings.maxAttempts) return { kind: 'dead', error: message };
  const delayMs = backoffMs(attempt - 1, settings.retryDelayMs, settings.retryDelayMaxMs, clock.random());
  return { kind: 'retry', delayMs, error: message };
}
