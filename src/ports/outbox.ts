import type { ChatMessage } from '../protocol/chat-message.ts';
import type { ChatSettings } from '../protocol/chat-settings.ts';
import type { GenerationParams, Lane } from '../protocol/generation.ts';
import type {
  ConversationId,
  DispatchWindow,
  Generation,
  GenerationId,
  GenerationJob,
  MessageId,
  OwnerId,
  UserId,
  WorkspaceId,
} from './generations.ts';

/**
 * Acceptance and dispatch: the generation row is itself the outbox. Which rows may be in the queue
 * is decided in transactions (under a per-user lock) and counted from the rows, so the window
 * neither leaks nor doubles.
 *
 * A row may be dispatched when it is queued, due, not direct, not dispatched yet, fewer than
 * `window[lane]` of its user's rows in that lane are dispatched or running, and no row of its conversation
 * that answers another question is dispatched, running or earlier in line. Rows in retry delay do not count.
 */
export interface Outbox {
  /**
   * One transaction: idempotency key, conversation, user message, generation row. When it resolves the
   * generation is durable. Throws ChatError `conversation_not_found`, `message_not_found`,
   * `idempotency_conflict` (same key, other body), `too_many_waiting`.
   */
  accept(acceptance: Acceptance): Promise<Accepted>;

  /** Stamps as dispatched, and returns, what the user's window has room for. */
  dispatchNext(userId: UserId, window: DispatchWindow): Promise<readonly GenerationJob[]>;

  /** The queue has confirmed them. Those no longer queued are passed over; written within moments, many together. */
  markPublished(published: readonly Published[]): Promise<void>;

  /** A direct one that found no slot: from now on it goes through its lane. */
  makeIndirect(job: GenerationJob, window: DispatchWindow): Promise<readonly GenerationJob[]>;

  /**
   * What stands still, each returned row stamped so that it is due again only after a delay, which
   * doubles for what the queue has confirmed (a sweeper by age alone storms). At most `limit` of each.
   */
  sweep(options: SweepOptions): Promise<Swept>;

  /**
   * Removes transient conversations, with all that belongs to them, whose answer was stored so long ago; at most
   * `limit`. Returns how many.
   */
  forgetTransient(afterMs: number, limit: number): Promise<number>;

  /**
   * Deletes for good the temporary conversations in which nothing was said for so long, and those that were deleted;
   * at most `limit`. Returns which.
   */
  forgetTemporary(afterMs: number, limit: number): Promise<readonly ConversationId[]>;

  /** Generations of the user that are queued: the bound that `accept` checks, and what a person may ask. */
  countWaiting(userId: UserId): Promise<number>;
}

export type Acceptance = {
  workspaceId: WorkspaceId;
  userId: UserId;
  generationId: GenerationId;
  /** Absent: a new conversation, with this id. */
  conversation:
    | { number: number }
    /** `transient`: it gets no number, is never listed or found, and is forgotten some time after its answer. */
    | { newId: string; title: string; transient?: boolean; begin?: ConversationBegin };
  request: /** Parent absent: the newest leaf. Null: a first message (a new root). */
    | { kind: 'message'; id: MessageId; content: string; parentId?: MessageId | null }
    /** Answers an existing user message again (or the one above an assistant message). */
    | { kind: 'regenerate'; messageId: MessageId };
  lane: Lane;
  direct: boolean;
  params: GenerationParams;
  /** All that the model reads, instead of the conversation's history; kept until the answer is stored. */
  prompt?: readonly ChatMessage[];
  /** Who is to be told when the answer has ended; see Webhooks. */
  webhookUrl?: string;
  /** `bodyHash`: lower-case hexadecimal SHA-256 of the request that the key stands for. */
  idempotency?: { key: string; bodyHash: string };
  window: DispatchWindow;
  /** Most queued generations a user may have. */
  maxWaiting: number;
  positionAtArrival: number | null;
};

/** What a new conversation has from its beginning. `folderId`: one that there is not is none. */
export type ConversationBegin = { temporary?: boolean; folderId?: string; settings?: ChatSettings };

export type Accepted = {
  generation: Generation;
  /** Empty where the same key was accepted before, or where the window has no room. */
  dispatched: readonly GenerationJob[];
  /** True where this key was accepted before; nothing was written. */
  replayed: boolean;
};

export type Published = GenerationJob & { ticket: number };

export type SweepOptions = {
  /** Asks on whose behalf: it is not dead. A lapsed lease of its own counts all the same: it may have lost the row. */
  owner: OwnerId;
  limit: number;
  /** Ages in milliseconds after which a row counts as standing still. */
  unconfirmedAfterMs: number;
  unclaimedAfterMs: number;
  /** The queue is known to be empty (a start): every row that is dispatched is due at once. */
  queueLost: boolean;
};

export type Swept = {
  /** Dispatched and unconfirmed, published and unclaimed, lapsed leases, dead owners, direct and never claimed. */
  stalled: readonly GenerationJob[];
  /** Users whose rows wait outside any window: dispatchNext for each. */
  waitingUsers: readonly UserId[];
};
