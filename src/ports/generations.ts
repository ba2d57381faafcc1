import type { ChatMessage } from '../protocol/chat-message.ts';
import type {
  AnswerFacts,
  FinishReason,
  GenerationParams,
  GenerationState,
  Lane,
  Receipt,
  TerminalState,
  Usage,
} from '../protocol/generation.ts';
import type { EpochStart, Position } from '../protocol/position.ts';

/**
 * The rows of the generations: who runs what, and the one answer of each. PostgreSQL is the truth;
 * every operation is one transaction on the user's shard, under `user_home … FOR SHARE`, and all
 * times compared are the database's.
 *
 * Guarantees that the contract suite checks:
 * - at most one living owner per generation, and of a conversation only answers to one question run;
 * - `epoch` grows with each claim, and what is written under an older (epoch, owner) is refused;
 * - a generation reaches exactly one terminal state, and in the same transaction gets exactly one
 *   assistant message, whose id is the generation's id;
 * - whoever brings a generation to a terminal state gets, in the same transaction, the jobs of
 *   that user which its place makes room for (already stamped as dispatched).
 */
export interface Generations {
  /**
   * Declares this process alive under `owner` (fresh per process start) until disposed of or dead:
   * a session lock on each shard that vanishes with the process, however it dies. Claims made under
   * an owner without a living declaration are guarded by their lease alone.
   */
  own(owner: OwnerId): Promise<AsyncDisposable>;

  /**
   * See {@link ClaimOutcome}. Allowed when queued and due, when its lease has run out, when its owner is dead,
   * and when its owner is the caller, who asks only for what it does not run: it then never heard that it had
   * been given it, or could not give it back.
   */
  claim(ref: GenerationRef, owner: OwnerId): Promise<ClaimOutcome>;

  /**
   * The holder takes a new epoch above `above`: where its log knows a newer epoch than the row (a failover
   * lost a commit), or where the answer is to start again. Null where (epoch, owner) no longer holds it.
   */
  raiseEpoch(held: Held, owner: OwnerId, above: number): Promise<number | null>;

  /** Renews the lease of every one still held, in one statement a shard. The answer names each of `held` once. */
  heartbeat(owner: OwnerId, held: readonly Held[]): Promise<ReadonlyMap<GenerationId, HeartbeatOutcome>>;

  /**
   * Gives a running one back: queued again, due in `delayMs`, its window place freed unless due at
   * once. `countAttempt: false` for a drain (the attempt that the claim counted is taken back).
   * False where (epoch, owner) no longer holds it.
   */
  release(
    held: Held,
    owner: OwnerId,
    how: { delayMs: number; countAttempt: boolean; error?: string },
  ): Promise<boolean>;

  /** Stores the answer; see the guarantees. A second call, or one under an old epoch, is `fenced`. */
  finish(held: Held, owner: OwnerId, answer: Answer, window: DispatchWindow): Promise<FinishOutcome>;

  /**
   * A durable mark. Queued: cancelled in the same transaction (with an empty message). Running: marked,
   * and `owner` is to be told. Terminal: untouched. Null: no such generation.
   */
  stop(ref: GenerationRef, window: DispatchWindow): Promise<StopOutcome | null>;

  /** By id alone, whatever shard it is on. The caller compares the workspace before it tells anybody. */
  find(id: GenerationId): Promise<Generation | null>;
}

export type GenerationId = string;
export type OwnerId = string;
export type UserId = string;
export type WorkspaceId = string;
export type ConversationId = string;
export type MessageId = string;

/** The user finds the shard. */
export type GenerationRef = { id: GenerationId; userId: UserId };
export type Held = GenerationRef & { epoch: number };

/** What travels through the queue: a hint that this generation may be claimed. */
export type GenerationJob = GenerationRef & {
  lane: Lane;
  /** That it may write, where that is known. */
  tokens?: number;
  /** Its place in the lane's line; in every job that was published, since a claim may come before the row knows it. */
  ticket?: number;
};

/** How many of one user's generations per lane may be dispatched and unfinished at once. */
export type DispatchWindow = Readonly<Record<Lane, number>>;

export type Generation = GenerationRef & {
  workspaceId: WorkspaceId;
  conversationId: ConversationId;
  /** 0: of a request that is not to be stored. Nobody can name its conversation, and it is soon forgotten. */
  conversationNumber: number;
  /** The user message that it answers, and the parent of its own message. */
  requestMessageId: MessageId;
  lane: Lane;
  /** Runs in the process that accepted it, unless that process dies or has no slot free. */
  direct: boolean;
  params: GenerationParams;
  state: GenerationState;
  epoch: number;
  owner: OwnerId | null;
  /** Claims of a queued one, this one included, less those that were drained; takeovers do not count. */
  attempts: number;
  takeovers: number;
  stopRequested: boolean;
  /** Its place in the lane's line (see WaitingLine); null until published. */
  ticket: number | null;
  /** Others ahead when it was accepted; null where unknown. */
  positionAtArrival: number | null;
  /** Milliseconds since 1970, by the database's clock. */
  createdAt: number;
  /** First claim. */
  claimedAt: number | null;
  finishedAt: number | null;
  model: string | null;
  finishReason: FinishReason | null;
  receipt: Receipt | null;
  /** Bytes of the stored answer; null until terminal. */
  length: Position | null;
  error: { code: string; message: string } | null;
};

/** Whether it is part of a conversation that its user keeps. */
export function isStored({ conversationNumber }: Pick<Generation, 'conversationNumber'>): boolean {
  return conversationNumber > 0;
}

export type ClaimOutcome =
  /**
   * Ours, at `generation.epoch`. The caller honours `stopRequested` and counts `attempts` before it asks a model.
   * `prompt`: what the model is to read, where the acceptance brought it. `question`: what it answers, where that is
   * at hand.
   */
  | { kind: 'claimed'; generation: Generation; prompt?: readonly ChatMessage[]; question?: Question }
  | { kind: 'terminal'; generation: Generation }
  /** A living owner has it, or one whose death cannot be told yet. */
  | { kind: 'owned'; owner: OwnerId }
  /**
   * An answer to another question of its conversation runs; or this one was not dispatched (it is direct) and
   * that to an earlier one is unfinished, which it needs.
   */
  | { kind: 'conversation-busy' }
  | { kind: 'not-due'; delayMs: number }
  /** The user is moving between shards; ask again. */
  | { kind: 'moving' }
  | { kind: 'unknown' };

export type Question = { parentId: MessageId | null; content: string };

export type HeartbeatOutcome = 'held' | 'stop' | 'lost';

/** The whole answer as it is stored. Text may hold anything but NUL, which is cleaned away. */
export type Answer = {
  state: TerminalState;
  text: string;
  reasoning: string;
  epochs: readonly EpochStart[];
  model: string | null;
  finishReason: FinishReason | null;
  usage: Usage | null;
  facts: AnswerFacts;
  /** By the runner's clock: claim to first token, first token to last; milliseconds. */
  prefillMs: number | null;
  streamMs: number | null;
  trimmedMessages: number;
  error: { code: string; message: string } | null;
  /** Past its attempts: kept as a dead letter, replayable. */
  deadLetter: boolean;
};

export type FinishOutcome =
  | { kind: 'finished'; generation: Generation; dispatched: readonly GenerationJob[] }
  | { kind: 'fenced' };

export type StopOutcome =
  | { kind: 'cancelled'; generation: Generation; dispatched: readonly GenerationJob[] }
  | { kind: 'running'; generation: Generation; owner: OwnerId }
  | { kind: 'terminal'; generation: Generation };
