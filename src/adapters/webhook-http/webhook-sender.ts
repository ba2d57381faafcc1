import { createHmac } from 'node:crypto';
import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import { Agent, request } from 'undici';
import { isPrivateAddress } from '../../lib/private-address.ts';
import { refuseWebhookUrl, type WebhookReach } from '../../lib/webhook-url.ts';
import { WebhookError, type WebhookNotice, type WebhookSender } from '../../ports/webhooks.ts';

export type WebhookHttpOptions = {
  /** Every workspace's own key is made from it. */
  secret: string;
  reach: WebhookReach;
  /** Milliseconds of one attempt, from the look for its address to the end of the answer. */
  timeoutMs: number;
};

/** Bytes of an answer that are read, before its connection is closed. */
const LONGEST_ANSWER = 16 * 1024;
const GONE = 410;

/**
 * Notices in the form of Standard Webhooks: `webhook-id`, `webhook-timestamp`, and in `webhook-signature` an
 * HMAC-SHA256 of both and the body.
 */
export class WebhookHttpSender implements WebhookSender, AsyncDisposable {
  readonly #options: WebhookHttpOptions;
  readonly #agent: Agent;

  constructor(options: WebhookHttpOptions) {
    this.#options = options;
    this.#agent = new Agent({
      connect: { timeout: options.timeoutMs, ...(options.reach === 'public' && { lookup: publicLookup as never }) },
    });
  }

  async send(notice: WebhookNotice, signal: AbortSignal): Promise<void> {
    const refusal = refuseWebhookUrl(notice.url, this.#options.reach);
    if (refusal) throw new WebhookError(`the address ${refusal}`, { isFinal: true });
    const status = await this.#post(notice, signal).catch((cause: unknown) => {
      signal.throwIfAborted();
      throw new WebhookError(describe(cause), { isFinal: cause instanceof PrivateAddressError, cause });
    });
    if (status >= 200 && status < 300) return;
    throw new WebhookError(`answered ${status}`, { isFinal: status === GONE });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }

  async #post({ id, workspaceId, url, body }: WebhookNotice, signal: AbortSignal): Promise<number> {
    const timestamp = Math.floor(Date.now() / 1000);
    const key = webhookKey(this.#options.secret, workspaceId);
    const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
    const response = await request(url, {
      method: 'POST',
      dispatcher: this.#agent,
      signal: AbortSignal.any([signal, AbortSignal.timeout(this.#options.timeoutMs)]),
      headers: {
        'content-type': 'application/json',
        'user-agent': 'ChatterBot-Webhook/1',
        'webhook-id': id,
        'webhook-timestamp': String(timestamp),
        'webhook-signature': `v1,${signature}`,
      },
      body,
    });
    await response.body.dump({ limit: LONGEST_ANSWER }).catch(() => {});
    return response.statusCode;
  }
}

/** Of one workspace: it says nothing about the keys of others. */
function webhookKey(secret: string, workspaceId: string): Buffer {
  return createHmac('sha256', secret).update(`webhook:${workspaceId}`).digest();
}

/** As receivers' libraries take it. */
export function webhookSecretOf(secret: string, workspaceId: string): string {
  return `whsec_${webhookKey(secret, workspaceId).toString('base64')}`;
}

class PrivateAddressError extends Error {}

type Found = (error: Error | null, found: string | LookupAddress[], family?: number) => void;

/** What is connected to is what was looked at: a name cannot mean another address in between. */
function publicLookup(name: string, options: LookupOptions, found: Found): void {
  lookup(name, { ...options, all: true }, (error, addresses) => {
    if (error) return found(error, []);
    const [first] = addresses;
    if (!first || addresses.some(({ address }) => isPrivateAddress(address))) {
      return found(new PrivateAddressError('the name leads to an address that is not public'), []);
    }
    if (options.all) found(null, addresses);
    else found(null, first.address, first.family);
  });
}

function describe(cause: unknown): string {
  const { name, code, message } = cause as { name?: string; code?: string; message?: string };
  if (cause instanceof PrivateAddressError) return cause.message;
  if (name === 'TimeoutError') return 'took too long';
  return code ?? message ?? 'failed';
}
