import type { ChatMessage } from '../protocol/chat-message.ts';
import type { FinishReason, Usage } from '../protocol/generation.ts';
import type { ModelParams } from '../protocol/model-params.ts';
import type { ToolCallPart } from '../protocol/tool-calls.ts';

/** Whoever turns a prompt into text: the embedded engine or a server. */
export interface Inference {
  /** The models that can be asked for, the default first. Empty while none is loaded. */
  models(): readonly ModelInfo[];

  /**
   * Calls `sink` as text comes (whole characters, possibly many tokens at once; no promise per token) and
   * resolves when the model has said why it ended. Without that it rejects with an InferenceError: an
   * answer is never silently cut. An abort is obeyed within 200 ms and rejects with the signal's reason.
   */
  generate(request: InferenceRequest, sink: InferenceSink, signal: AbortSignal): Promise<InferenceResult>;

  /** Tokens of each text by the model's own vocabulary, special tokens not parsed. */
  countTokens(model: string, texts: readonly string[], signal?: AbortSignal): Promise<readonly number[]>;

  /**
   * A vector for each input, in order. Absent: whoever answers here makes none. Rejects with an
   * InferenceError.
   */
  embed?(request: EmbeddingRequest, signal: AbortSignal): Promise<EmbeddingResult>;

  health(): Promise<InferenceHealth>;
}

export type EmbeddingRequest = { model: string; inputs: readonly string[]; dimensions?: number };
export type EmbeddingResult = { vectors: readonly (readonly number[])[]; promptTokens: number; model: string };

export type ModelInfo = {
  id: string;
  /** Plain words for people: name, size, what to expect of it. */
  title: string;
  description: string;
  contextWindow: number;
  /** Goes on from a prefix of its answer, so that a takeover continues it. */
  continues: boolean;
  /** Where it `continues`: also from reasoning alone. Absent: no, it would think anew. */
  continuesReasoning?: boolean;
  /** Prompt tokens that the model's chat form adds per message. */
  tokensPerMessage: number;
  systemPrompt: string | null;
  defaultTemperature: number;
  /** Questions that this model answers well: offered on the empty page. */
  suggestions: readonly string[];
  /** Absent: nothing is charged for it. */
  price?: ModelPrice;
  /** The lighter model that answers where this one cannot. */
  fallback?: string;
  /** By name; absent: every one may use it. */
  workspaces?: readonly string[];
  /** What is said to it does not leave this machine. Absent: nobody has said so. */
  staysHere?: boolean;
  /** Absent: nobody has said, and everything is tried. */
  capabilities?: ModelCapabilities;
};

/** In one currency of the operator's choice, per million tokens: read, found in memory, written. */
export type ModelPrice = { prompt: number; cached: number; completion: number };

export type ModelCapabilities = { tools: boolean; jsonSchema: boolean; reasoning: boolean };

export type InferenceRequest = ModelParams & {
  model: string;
  messages: readonly ChatMessage[];
  /** Text of the answer that was already given; the model goes on right behind it. */
  prefix: { text: string; reasoning: string };
  /** New tokens, the prefix not counted. */
  maxTokens: number;
  /** Requests of one conversation find their cached prompt prefix by this. */
  affinity: string;
  lane: 'stream' | 'chat' | 'batch';
  /** The generation: one id through the logs of both sides. */
  id?: string;
  /** Cached prompt prefixes are not shared beyond it. */
  workspace?: string;
  /** Servers that this answer broke off at: asked only where there is no other. */
  avoid?: readonly string[];
};

export interface InferenceSink {
  /** The prompt is read: tokens in all, and those found in memory. Called once, before any text. */
  prompted(promptTokens: number, reusedTokens: number): void;
  text(text: string, tokens: number): void;
  reasoning(text: string, tokens: number): void;
  /** Behind all text: a call begins, or its arguments (JSON) go on. */
  toolCall(part: ToolCallPart, tokens: number): void;
}

/** `usage` of this call alone: the prefix counts as prompt. */
export type InferenceResult = { finishReason: Exclude<FinishReason, 'cancelled'>; usage: Usage; model: string };

export type InferenceHealth = { status: 'up' | 'starting' | 'down'; detail: string };

/**
 * `retryable`: the same request may succeed here later. `context_overflow`: trim and ask again.
 * The upstream's own words are in `cause`, for the log, never for the caller.
 */
export type InferenceErrorKind =
  | 'context_overflow'
  | 'overloaded'
  | 'rate_limited'
  | 'auth'
  | 'model_not_found'
  | 'bad_request'
  | 'timeout'
  | 'stream_cut'
  | 'engine'
  | 'unavailable';

/** What was waited for in vain. */
export type TimeoutPhase = 'connect' | 'first-token' | 'idle' | 'total';

export class InferenceError extends Error {
  readonly kind: InferenceErrorKind;
  readonly retryAfterMs: number | undefined;
  /** Of kind `timeout`. */
  readonly phase: TimeoutPhase | undefined;
  /** Which of several servers failed; of kind `unavailable` without one: none was worth asking. */
  server: string | undefined;

  constructor(
    kind: InferenceErrorKind,
    message: string,
    options: { cause?: unknown; retryAfterMs?: number; phase?: TimeoutPhase; server?: string } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'InferenceError';
    this.kind = kind;
    this.retryAfterMs = options.retryAfterMs;
    this.phase = options.phase;
    this.server = options.server;
  }

  get retryable(): boolean {
    return !['auth', 'bad_request', 'model_not_found', 'context_overflow'].includes(this.kind);
  }
}
