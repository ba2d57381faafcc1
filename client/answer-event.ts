import type { Receipt } from '../src/protocol/generation.ts';
import type { Cursor } from '../src/protocol/position.ts';

/** What a follower is told. Every event that moves the answer carries the cursor after it. */
export type AnswerEvent =
  /** The stream is open; `attempt` counts the connections that failed since the last event. */
  | { type: 'connected'; attempt: number }
  | { type: 'disconnected'; attempt: number; online: boolean }
  | { type: 'waiting'; position: number; estimateSeconds: number | null; cursor: Cursor }
  | { type: 'start'; model: string | null; cursor: Cursor }
  | { type: 'text'; token: string; cursor: Cursor }
  | { type: 'reasoning'; token: string; cursor: Cursor }
  /** Drop everything received. */
  | { type: 'restart'; cursor: Cursor }
  /** Keep so many bytes of each channel: those of the cursor. */
  | { type: 'rewind'; cursor: Cursor }
  | { type: 'error'; code: string; message: string; cursor: Cursor }
  /** The last event. Null: the stream was read to its end before. */
  | { type: 'end'; receipt: Receipt | null };
