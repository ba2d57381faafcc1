import { WebhookHttpSender } from '../adapters/webhook-http/webhook-sender.ts';
import type { WebhookConfig } from '../config/config.ts';
import { tellWebhooks, type WebhookSettings } from '../core/tell-webhooks.ts';
import type { Clock } from '../ports/clock.ts';
import type { Webhooks } from '../ports/webhooks.ts';

const INTERVAL_MS = 1000;
const CONCURRENCY = 32;
const RETRY_DELAY_MAX_MS = 60 * 60_000;
/** Of a lease, beyond what an attempt may take. */
const LEASE_SLACK_MS = 5000;

/** Runs until aborted; at once over where no secret is set. */
export async function sendWebhooks(
  ports: { webhooks: Webhooks; clock: Clock },
  config: WebhookConfig,
  signal: AbortSignal,
): Promise<void> {
  const { secret, reach, timeoutMs } = config;
  if (secret === null) return;
  await using sender = new WebhookHttpSender({ secret, reach, timeoutMs });
  const settings: WebhookSettings = {
    intervalMs: INTERVAL_MS,
    concurrency: CONCURRENCY,
    leaseMs: timeoutMs + LEASE_SLACK_MS,
    maxAttempts: config.maxAttempts,
    retryDelayMs: config.retryDelayMs,
    retryDelayMaxMs: Math.max(RETRY_DELAY_MAX_MS, config.retryDelayMs),
  };
  await tellWebhooks({ ...ports, sender }, settings, signal);
}
