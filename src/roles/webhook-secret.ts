import { join } from 'node:path';
import type { EmbeddedConfig, WebhookConfig } from '../config/config.ts';
import { keptSecret } from './kept-secret.ts';

/** The configured one, else one that is made and kept in the data folder. */
export async function withWebhookSecret(
  config: Pick<EmbeddedConfig, 'dataDir' | 'webhooks'>,
): Promise<WebhookConfig & { secret: string }> {
  const { webhooks, dataDir } = config;
  return { ...webhooks, secret: webhooks.secret ?? (await keptSecret(join(dataDir, 'webhook-secret'), 'whs_')) };
}
