import type { Cache } from '../ports/cache.ts';
import type { Conversations } from '../ports/conversations.ts';
import type { Generation, Generations, Held, OwnerId, Question } from '../ports/generations.ts';
import type { Inboxes } from '../ports/inboxes.ts';
import type { Inference } from '../ports/inference.ts';
import type { Ending } from '../ports/token-log.ts';
import type { ChatMessage } from '../protocol/chat-message.ts';
import type { AnswerFacts, Usage } from '../protocol/generation.ts';
import type { AnswerFlusher, FlushSettings } from './answer-flusher.ts';
import type { AnswerWriter } from './answer-writer.ts';
import type { ContextSettings, HistoryMessage } from './conversation-context.ts';
import type { DispatchSettings } from './dispatch.ts';
import type { SettlePorts } from './settle-terminal.ts';

export type RunnerPorts = SettlePorts & {
  generations: Generations;
  conversations: Conversations;
  inference: Inference;
  inboxes: Inboxes;
  cache: Cache;
};

export type AnswerCacheSettings = {
  /** Of which requests: `deterministic`, those that could only be answered the same again; `all`, sampled ones too. */
  serves: 'deterministic' | 'all';
  ttlMs: number;
  /** A longer answer is not kept. */
  maxBytes: number;
};

/** What is asked, to the letter, and whether its answer may come from the cache. */
export type Asked = { key: string; history: readonly HistoryMessage[] | null; mayServe: boolean };

/** `every`: messages that have fallen out since the last one before another is made. `maxTokens`: of its text. */
export type SummarySettings = { every: number; maxTokens: number; ttlMs: number };

export type RunnerSettings = {
  dispatch: DispatchSettings;
  flush: FlushSettings;
  context: ContextSettings;
  /** Null: answers are not kept for others. */
  answerCache: AnswerCacheSettings | null;
  /** Null: what falls out of a prompt is not summed up. */
  summary: SummarySettings | null;
  /** Whether conversations that want one get a title of the model's making. */
  titles: boolean;
  /** Milliseconds without a heartbeat after which another process may take a generation over. */
  leaseMs: number;
  /** Failed attempts after which a generation fails visibly and becomes a dead letter. */
  maxAttempts: number;
  /** The same for takeovers from processes that died or hung. */
  maxTakeovers: number;
  retryDelayMs: number;
  retryDelayMaxMs: number;
  /** Predicted wait in a lane above which answers take less: a lighter model, or a smaller context. 0, absent: never. */
  degradeAboveMs?: number;
};

/** The process that a generation runs in, as the run sees it. */
export interface Host {
  readonly ports: RunnerPorts;
  readonly settings: RunnerSettings;
  readonly owner: OwnerId;
  readonly flusher: AnswerFlusher;
  /** Leaving: what waits for a port to come back is left to others. */
  readonly draining: boolean;
}

/** Why a run is broken off: a person, the database (somebody else holds it), or the process leaving. */
export type Interruption = 'stop' | 'lost' | 'drain';

/** One generation while it runs here. `held` from its claim until its answer is stored. */
export type Running = {
  readonly abort: AbortController;
  held: Held | null;
  readonly ended: PromiseWithResolvers<void>;
  /** Why the queue gave it up, where it did: it is claimed to fail visibly, and no model is asked. */
  readonly givenUp: string | null;
};

/** A claimed generation with its log open, and the times that its receipt will show (the process's clock). */
export type Run = {
  host: Host;
  generation: Generation;
  /** What the model reads, where the request brought it; null: the conversation. */
  prompt: readonly ChatMessage[] | null;
  /** What is answered; null where it is still to be read. */
  question: Question | null;
  running: Running;
  writer: AnswerWriter;
  /** Null until it is known, and where the answer cache is not for it. */
  asked: Asked | null;
  figures: {
    startedAt: number;
    firstAt: number | null;
    lastAt: number | null;
    trimmed: number;
    /** So far, as it is reported; null while no model has read the prompt. */
    used: Usage | null;
    /** What the receipt will say beside the figures. */
    facts: AnswerFacts;
  };
};

export type FailureCode = 'generation_failed' | 'context_too_long' | 'request_refused' | 'model_unavailable';

/** How the model's part went. */
export type Outcome =
  | { kind: 'done'; ending: Ending; history: readonly HistoryMessage[] | null }
  | { kind: 'cancelled' }
  | { kind: 'failed'; code: FailureCode; deadLetter: boolean; reason?: string }
  /** It broke off, and cannot be gone on with: what there is stays. */
  | { kind: 'interrupted' }
  | { kind: 'retry'; delayMs: number; countAttempt: boolean; error: string }
  | { kind: 'drained' }
  | { kind: 'lost' };

/** Settled: the delivery may be acknowledged. Again: not now, look at it after the delay. */
export type RunEnd = { kind: 'settled' } | { kind: 'again'; delayMs: number };
