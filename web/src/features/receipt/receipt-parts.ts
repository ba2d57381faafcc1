import type { AnswerState } from '../../../../client/answer-state.ts';
import type { Receipt } from '../../../../src/protocol/generation.ts';

/** Milliseconds of each part of a wait. `unseen`: before we looked, so that nobody here knows which it was. */
export type Parts = { unseen: number; waiting: number; reading: number; writing: number };

export function partsOfReceipt(receipt: Receipt): Parts {
  return { unseen: 0, waiting: receipt.queue_ms, reading: receipt.prefill_ms ?? 0, writing: receipt.stream_ms ?? 0 };
}

/** Of an answer that is still being made, at `now`. */
export function partsOfLive({ marks }: AnswerState, now: number): Parts {
  const end = marks.ended ?? now;
  if (marks.joinedLate) {
    const unseen = marks.followed - marks.accepted;
    return { unseen, waiting: 0, reading: 0, writing: Math.max(0, end - marks.followed) };
  }
  const started = marks.started ?? end;
  const first = marks.firstToken ?? end;
  return {
    unseen: 0,
    waiting: Math.max(0, started - marks.accepted),
    reading: marks.started === null ? 0 : Math.max(0, first - started),
    writing: marks.firstToken === null ? 0 : Math.max(0, end - first),
  };
}

export function totalOf(parts: Parts): number {
  return parts.unseen + parts.waiting + parts.reading + parts.writing;
}

const SHORTEST = 8;
const LONGEST = 160;
/** The wait at which the bar has about two thirds of its length. */
const USUAL_MS = 5_000;

/** Pixels: longer waits are longer bars, and even the longest fits. */
export function barLength(totalMs: number): number {
  return SHORTEST + (LONGEST - SHORTEST) * (1 - Math.exp(-totalMs / USUAL_MS));
}
