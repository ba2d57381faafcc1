import type { ModelParams } from './model-params.ts';

/** The vocabulary of a generation: one request to a model, from acceptance to its one answer. */

/** Lanes in order of urgency: somebody is reading along, somebody waits, nobody waits. */
export const LANES = ['stream', 'chat', 'batch'] as const;
export type Lane = (typeof LANES)[number];

export const TERMINAL_STATES = ['done', 'failed', 'cancelled', 'interrupted'] as const;
export type TerminalState = (typeof TERMINAL_STATES)[number];
export type GenerationState = 'queued' | 'running' | TerminalState;

export function isTerminal(state: GenerationState): state is TerminalState {
  return state !== 'queued' && state !== 'running';
}

/** Why a model stopped writing: its own end, the token limit, calls that it waits for, or a person. */
export const FINISH_REASONS = ['stop', 'length', 'tool_calls', 'cancelled'] as const;
export type FinishReason = (typeof FINISH_REASONS)[number];

/** What the caller may choose. */
export type GenerationParams = ModelParams & {
  model?: string;
  /** Instead of the model's own. */
  systemPrompt?: string;
  /** Tokens of the whole answer, a prefix from before a takeover included. */
  maxTokens: number;
  /** Earlier text that the model is to know, placed before the message; oldest first. */
  context?: readonly string[];
  /**
   * False: never answered from the cache, nor kept there. True: also where another answer could be sampled, and
   * together with the same request that is being answered. Absent: as the server is set.
   */
  cache?: boolean;
  /** False: rather no answer than one of a lighter model, or of less of the conversation. */
  allowDegraded?: boolean;
  /** Of the first message of a conversation: the model is to make its title afterwards. */
  autoTitle?: boolean;
  /** Set by the server, not by the caller, as what follows. */
  account?: Account;
  /** Until it is begun, as it was predicted when it was accepted. */
  predictedWaitMs?: number;
  /** The answer is the summary of that conversation up to that message. */
  summaryOf?: { conversationId: string; upTo: string };
  /** The answer is the title of the conversation of that number, in place of these words. */
  titleOf?: { number: number; words: string };
};

/** Whom an answer is counted for: the API key that asked, by its id. `reservedTokens`: set aside of its budget. */
export type Account = { keyId: string; reservedTokens?: number };

/** Tokens. `reusedTokens` is the part of the prompt that was already in the model's memory. */
export type Usage = {
  promptTokens: number;
  reusedTokens: number;
  completionTokens: number;
};

/** What a receipt says beside the figures that every answer has. Absent: it does not apply. */
export type AnswerFacts = {
  /** In the unit of the models' prices; absent where the model has none. */
  cost?: number;
  /** Absent: a model. */
  source?: AnswerSource;
  /** Messages that were left out and that a summary stood in for. */
  summarised?: number;
  /** In order; absent: it is what was asked for. */
  degraded?: readonly Degradation[];
};

/**
 * Where an answer came from, if not from a model: what the same request was answered before, also while no model
 * could be asked (`stand-in`), or what it was answered at the same time (`shared`).
 */
export const ANSWER_SOURCES = ['cache', 'stand-in', 'shared'] as const;
export type AnswerSource = (typeof ANSWER_SOURCES)[number];
export const DEGRADATION_REASONS = [
  'predicted_wait',
  'breaker_open',
  'unavailable',
  'overloaded',
  'first_token_timeout',
  'context_overflow',
] as const;
export type DegradationReason = (typeof DEGRADATION_REASONS)[number];

/** Less than was asked for, so that there was an answer at all, or sooner. `from` and `to`: models, or tokens of the window. */
export type Degradation = { what: 'model' | 'context'; from: string; to: string; reason: DegradationReason };

/** What happened to one generation, in plain figures. Milliseconds throughout. */
export type Receipt = {
  generation_id: string;
  state: TerminalState;
  model: string | null;
  worker: string | null;
  lane: Lane;
  finish_reason: FinishReason | null;
  /** Others ahead in the lane when it was accepted; null where it ran directly. */
  position_at_arrival: number | null;
  /** Accepted to first claim. */
  queue_ms: number;
  /** First claim to first token; null where none came. */
  prefill_ms: number | null;
  /** First token to last. */
  stream_ms: number | null;
  total_ms: number;
  tokens: { prompt: number; reused: number; completion: number };
  /** In the unit of the models' prices; null where the model has none. */
  cost: number | null;
  source: 'model' | AnswerSource;
  /** Less than was asked for; empty where it is what was asked for. */
  degraded: Degradation[];
  tokens_per_second: number | null;
  attempts: number;
  /** How often another process went on with the answer. */
  takeovers: number;
  /** Messages of the conversation that did not fit into the model's window. */
  trimmed_messages: number;
  /** Of those, the ones that a summary stood in for. */
  summarised_messages: number;
  error: { code: string; message: string } | null;
};
