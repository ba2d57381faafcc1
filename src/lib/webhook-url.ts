import { isIP } from 'node:net';
import { isPrivateAddress } from './private-address.ts';

/** What may be told: any address, or only those of the public internet, by https. */
export type WebhookReach = 'public' | 'any';

/** Why this address is not told anything; null where it may be. What a name resolves to is seen when it is connected to. */
export function refuseWebhookUrl(text: string, reach: WebhookReach): string | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) return 'must be an https:// address';
  if (url.username || url.password) return 'must not hold a name or password';
  if (reach === 'any') return null;
  if (url.protocol !== 'https:') return 'must be an https:// address';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return isIP(host) !== 0 && isPrivateAddress(host) ? 'must be an address of the public internet' : null;
}
