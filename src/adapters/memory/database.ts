import type { Feedback, Message } from '../../ports/conversations.ts';
import type {
  ConversationId,
  Generation,
  GenerationId,
  OwnerId,
  UserId,
  WorkspaceId,
} from '../../ports/generations.ts';
import type { UsageSum } from '../../ports/usage-reports.ts';
import type { UserItem } from '../../ports/user-items.ts';
import type { KeyBudget } from '../../ports/workspaces.ts';
import type { ChatMessage } from '../../protocol/chat-message.ts';
import type { ChatSettings } from '../../protocol/chat-settings.ts';

/** As the operator would configure a PostgreSQL store; milliseconds. */
export type MemoryDatabaseOptions = {
  leaseMs: number;
  /** How long the database must have been up before a free lock counts as a death. */
  trustAfterMs: number;
  /** Until a row that was swept once is due again; doubles each time. */
  sweepBackoffMs: number;
};

export type UserRow = {
  id: UserId;
  workspaceId: WorkspaceId;
  externalId: string;
  /** Of one who is being deleted. */
  deletion: string | null;
  nextNumber: number;
  conversations: Map<number, ConversationRow>;
  /** By id; they have no number (0). */
  transient: Map<ConversationId, ConversationRow>;
  /** Its queued and running generations: all that dispatch and sweep look at. */
  active: Set<GenerationRow>;
  idempotency: Map<string, { bodyHash: string; generation: GenerationRow }>;
  /** Of each day, model and key. */
  usage: Map<string, UsageSum>;
  items: Map<string, UserItem>;
};

export type ConversationRow = {
  id: ConversationId;
  user: UserRow;
  number: number;
  title: string;
  pinned: boolean;
  archived: boolean;
  folderId: string | null;
  temporary: boolean;
  settings: ChatSettings;
  source: string | null;
  deleted: boolean;
  messages: Map<string, MessageRow>;
  createdAt: number;
  updatedAt: number;
};

export type MessageRow = Omit<Message, 'feedback'> & { feedback: Feedback | null };

type Columns = Omit<Generation, 'userId' | 'workspaceId' | 'conversationId' | 'conversationNumber'>;

export type GenerationRow = Columns & {
  user: UserRow;
  conversation: ConversationRow;
  /** Order of acceptance: the user's line. */
  line: number;
  prompt: readonly ChatMessage[] | null;
  webhook: WebhookColumns | null;
  /** Whether its owner held its lock at the last claim or heartbeat: only then does a free lock say that it died. */
  ownerLocked: boolean;
  leaseUntil: number;
  dueAt: number;
  dispatchedAt: number | null;
  publishedAt: number | null;
  sweeps: number;
  sweepDueAt: number;
  deadLetter: boolean;
};

/** `dueAt`: null before the answer, and once it is delivered or dead. */
export type WebhookColumns = { url: string; dueAt: number | null; attempts: number; isDead: boolean; error: string };

/** A lock is held from `from` until `until`. */
type Lock = { from: number; until: number };

/**
 * The state that the in-memory store adapters share: one database with one shard. Every operation of
 * theirs is a transaction, since it runs to its end before anything else does.
 */
export class MemoryDatabase {
  readonly options: MemoryDatabaseOptions;
  readonly now: () => number;
  readonly workspaces = new Map<WorkspaceId, { id: WorkspaceId; name: string }>();
  /** By the key's hash in hexadecimal. */
  readonly apiKeys = new Map<
    string,
    { workspaceId: WorkspaceId; name: string; createdAt: number; budget: KeyBudget }
  >();
  readonly users = new Map<UserId, UserRow>();
  /** By workspace and external id, see {@link userKey}. */
  readonly usersByExternalId = new Map<string, UserRow>();
  readonly generations = new Map<GenerationId, GenerationRow>();
  readonly #locks = new Map<OwnerId, Lock>();
  /** The first start counts as long ago: nothing was owned before it. */
  #upSince = Number.NEGATIVE_INFINITY;
  #serial = 0;

  constructor(options: MemoryDatabaseOptions, now: () => number) {
    this.options = options;
    this.now = now;
  }

  /** Increasing; also the source of ids, so that runs repeat exactly. */
  nextSerial(): number {
    this.#serial += 1;
    return this.#serial;
  }

  lock(owner: OwnerId): void {
    this.#locks.set(owner, { from: this.now(), until: Number.POSITIVE_INFINITY });
  }

  unlock(owner: OwnerId): void {
    this.#locks.delete(owner);
  }

  isLocked(owner: OwnerId): boolean {
    const lock = this.#locks.get(owner);
    const now = this.now();
    return lock !== undefined && lock.from <= now && now < lock.until;
  }

  /** The process is gone; the database notices `noticedAfterMs` later, as a broken connection may take. */
  processDied(owner: OwnerId, noticedAfterMs = 0): void {
    const lock = this.#locks.get(owner);
    if (!lock) return;
    if (noticedAfterMs > 0) lock.until = Math.min(lock.until, this.now() + noticedAfterMs);
    else this.#locks.delete(owner);
  }

  /** Every lock is gone; processes that still live take theirs again `retakenAfterMs` later. */
  restart(retakenAfterMs = 0): void {
    this.#upSince = this.now();
    for (const [owner, lock] of this.#locks) {
      if (lock.until === Number.POSITIVE_INFINITY) lock.from = this.now() + retakenAfterMs;
      else this.#locks.delete(owner);
    }
  }

  /** Users who may be written for here. Of a shard, those whose home it is. */
  residents(): readonly UserRow[] {
    return [...this.users.values()];
  }

  upForMs(): number {
    return this.now() - this.#upSince;
  }

  /** The conversation as its user may see it. */
  conversation(userId: UserId, number: number): ConversationRow | null {
    const row = this.users.get(userId)?.conversations.get(number);
    return row && !row.deleted ? row : null;
  }

  generation(ref: { id: GenerationId; userId: UserId }): GenerationRow | null {
    const row = this.generations.get(ref.id);
    return row && row.user.id === ref.userId && this.users.has(ref.userId) ? row : null;
  }
}

export function userKey(workspaceId: WorkspaceId, externalId: string): string {
  return JSON.stringify([workspaceId, externalId]);
}

/** A copy that later changes of the row do not reach. */
export function toGeneration(row: GenerationRow): Generation {
  return {
    id: row.id,
    userId: row.user.id,
    workspaceId: row.user.workspaceId,
    conversationId: row.conversation.id,
    conversationNumber: row.conversation.number,
    requestMessageId: row.requestMessageId,
    lane: row.lane,
    direct: row.direct,
    params: row.params,
    state: row.state,
    epoch: row.epoch,
    owner: row.owner,
    attempts: row.attempts,
    takeovers: row.takeovers,
    stopRequested: row.stopRequested,
    ticket: row.ticket,
    positionAtArrival: row.positionAtArrival,
    createdAt: row.createdAt,
    claimedAt: row.claimedAt,
    finishedAt: row.finishedAt,
    model: row.model,
    finishReason: row.finishReason,
    receipt: row.receipt,
    length: row.length,
    error: row.error,
  };
}
