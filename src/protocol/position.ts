/**
 * Where a reader stands in an answer. The text and the reasoning of an answer are two byte strings
 * (UTF-8); an epoch is one owner's turn at writing them. A position names all three, so that a
 * stream resumes to the byte from any event id for as long as the conversation exists.
 */

/** Bytes of each channel. */
export type Position = { text: number; reasoning: number };

export type Cursor = { epoch: number; at: Position };

export const START: Cursor = { epoch: 0, at: { text: 0, reasoning: 0 } };

/** An epoch and the position at which its owner took over: equal to the end so far, or 0 for a fresh start. */
export type EpochStart = { epoch: number; at: Position };

/** `epoch-text`, with `.reasoning` where the answer has any, and `-end` on the last event of a stream. */
export function formatEventId(cursor: Cursor, end = false): string {
  const reasoning = cursor.at.reasoning > 0 ? `.${cursor.at.reasoning}` : '';
  return `${cursor.epoch}-${cursor.at.text}${reasoning}${end ? '-end' : ''}`;
}

export type ParsedEventId = { cursor: Cursor; end: boolean };

/** Null where the id is not one of ours. */
export function parseEventId(id: string): ParsedEventId | null {
  const match = /^(\d{1,9})-(\d{1,12})(?:\.(\d{1,12}))?(-end)?$/.exec(id);
  if (!match) return null;
  const [, epoch, text, reasoning = '0', end] = match;
  return {
    cursor: { epoch: Number(epoch), at: { text: Number(text), reasoning: Number(reasoning) } },
    end: end !== undefined,
  };
}

/**
 * The last position that a reader at `cursor` shares with the answer as its owners wrote it: the
 * smallest start of every epoch after the reader's, and never past the reader itself. A reader whose
 * own epoch was lost before a later one began shares nothing for certain.
 */
export function commonPosition(cursor: Cursor, epochs: readonly EpochStart[]): Position {
  const later = epochs.filter((start) => start.epoch > cursor.epoch);
  if (later.length > 0 && !epochs.some((start) => start.epoch === cursor.epoch)) return START.at;
  return {
    text: Math.min(cursor.at.text, ...later.map((start) => start.at.text)),
    reasoning: Math.min(cursor.at.reasoning, ...later.map((start) => start.at.reasoning)),
  };
}
