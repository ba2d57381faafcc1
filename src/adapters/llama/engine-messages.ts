import type { InferenceErrorKind, InferenceRequest, ModelInfo } from '../../ports/inference.ts';
import type { Usage } from '../../protocol/generation.ts';

/** What the server and the process of the model say to each other. Plain JSON; one object a message. */
export type ToEngine =
  | { kind: 'load'; options: EngineOptions }
  | { kind: 'generate'; id: number; request: EngineRequest }
  | { kind: 'cancel'; id: number }
  | { kind: 'count'; id: number; texts: readonly string[] };

export type FromEngine =
  | { kind: 'ready'; model: ModelInfo }
  /** The process exits after it. */
  | { kind: 'failed'; reason: LoadFailure; message: string }
  /** All that happened in one step, for all chats. */
  | { kind: 'step'; updates: readonly ChatUpdate[] }
  | { kind: 'counts'; id: number; counts: readonly number[] }
  /** Sent every second while there is work, if some of it was done. */
  | { kind: 'alive' }
  | { kind: 'log'; level: 'warn' | 'error'; message: string };

export type EngineOptions = {
  modelPath: string;
  /** The name that requests use; null: by what the file calls itself. */
  modelId: string | null;
  /** Chats that are worked on at once. */
  slots: number;
  /** Tokens of each chat's window; null: the catalogue's. */
  contextSize: number | null;
  /** Cores used while writing; null: all but one. */
  threads: number | null;
  /** Requests beyond the slots; more are refused as overloaded. */
  maxWaiting: number;
  /** Least milliseconds per token: slows a tiny model for tests. */
  paceMs: number;
};

export type EngineRequest = Omit<InferenceRequest, 'model'>;

export type LoadFailure = 'missing' | 'broken' | 'memory' | 'engine';

export type ChatUpdate = {
  id: number;
  prompted?: { tokens: number; reused: number };
  text?: { text: string; tokens: number };
  reasoning?: { text: string; tokens: number };
  /** Behind all text; one an answer. `arguments`: JSON. */
  call?: { id: string; name: string; arguments: string; tokens: number };
  end?: { finishReason: 'stop' | 'length' | 'tool_calls'; usage: Usage };
  error?: { kind: InferenceErrorKind; message: string; retryAfterMs?: number };
};
