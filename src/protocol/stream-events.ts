import type { Receipt } from './generation.ts';

/**
 * What a stream carries, as JSON in the `data:` of a server-sent event. The two without a name are
 * the plain format, which is enough for a client that only wants the text; the named ones may be
 * ignored, and a client that does still finds the true answer at `/check-response`.
 */
export type PlainEvent = { token: string; done: false } | { token: ''; done: true; receipt: Receipt };

export type NamedEvents = {
  /** Others ahead in the lane, and seconds until the first token where a rate is known. */
  waiting: { position: number; estimate_seconds: number | null };
  /** Null: none was loaded when the request was accepted. */
  start: { model: string | null };
  /** Text that a model writes before its answer, for itself. */
  reasoning: { token: string };
  /** Drop everything received: another owner starts the answer again. */
  restart: Record<string, never>;
  /** Keep `offset` bytes of text and `reasoning` bytes of reasoning, drop what follows. */
  rewind: { offset: number; reasoning: number };
  error: { code: string; message: string };
};

export const DONE = '[DONE]';
