import type { Generation, GenerationId, WorkspaceId } from './generations.ts';

/**
 * Who is to be told that an answer has ended: with its row, from its acceptance on. It falls due in the
 * transaction that ends the answer, so whatever dies, somebody tells it; at least once, perhaps twice.
 */
export interface Webhooks {
  /**
   * At most `limit` that are due, of all shards; each is hidden from others for `leaseMs`, and due again after it
   * unless it is settled.
   */
  claim(limit: number, leaseMs: number): Promise<readonly DueWebhook[]>;
  /** Ignored where another attempt has begun since. */
  settle(webhook: DueWebhook, outcome: WebhookOutcome): Promise<void>;
  /** Those that nobody took, newest first, after `before` where given. */
  dead(page: { before?: GenerationId; limit: number }): Promise<readonly DeadWebhook[]>;
  /** Due again at once, with no attempts counted. False: there is no such dead one. */
  replay(id: GenerationId): Promise<boolean>;
}

export type DueWebhook = { generation: Generation; url: string; attempt: number };
export type DeadWebhook = DueWebhook & { error: string };

export type WebhookOutcome =
  | { kind: 'delivered' }
  | { kind: 'retry'; delayMs: number; error: string }
  /** Kept, to be replayed. */
  | { kind: 'dead'; error: string };

/** One notice, signed for its workspace. `id`: the same for every attempt, so that a receiver can tell a repetition. */
export type WebhookNotice = { id: string; workspaceId: WorkspaceId; url: string; body: string };

export interface WebhookSender {
  /**
   * Resolves where the receiver has taken it. Rejects with a WebhookError, or with the signal's reason. Bounded in
   * time and in what is read; no redirect is followed; no address is reached that is not allowed, whatever a name
   * resolves to.
   */
  send(notice: WebhookNotice, signal: AbortSignal): Promise<void>;
}

export class WebhookError extends Error {
  /** No further attempt makes sense. */
  readonly isFinal: boolean;

  constructor(message: string, options: { isFinal: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.name = 'WebhookError';
    this.isFinal = options.isFinal;
  }
}
