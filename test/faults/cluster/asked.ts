import { randomUUID } from 'node:crypto';
import { answerText } from '../../support/fake-upstream.ts';

export type Way = 'stream' | 'async' | 'sync';
/** What a caller may never meet: bytes that do not fit, no end, an error that nobody is to blame for. */
export type Wrong = { kind: 'torn' | 'stuck' | 'lost'; what: string };

/** One question and what its caller went through. Moments are of `performance.now()`. */
export class Asked {
  readonly way: Way;
  readonly user: string;
  readonly question: string;
  readonly expected: string;
  readonly key = randomUUID();
  readonly at = performance.now();
  /** Null until it is accepted. */
  id: string | null = null;
  isStopped = false;
  /** What was read in the end; null where nothing was. */
  text: string | null = null;
  /** When text came. */
  readonly arrivals: number[] = [];
  /** While it is being read, and when that was over. */
  isLive = false;
  endedAt: number | null = null;
  /** How often its reader has connected, and when it last hung up by itself. */
  connections = 0;
  droppedAt = 0;
  readonly wrong: Wrong[] = [];

  constructor(way: Way, user: string, tokens: number) {
    this.way = way;
    this.user = user;
    this.question = `Tell me something. ${randomUUID()} [[tokens:${tokens}]]`;
    this.expected = answerText(this.question, tokens);
  }

  get lastArrival(): number | null {
    return this.arrivals.at(-1) ?? null;
  }

  /** The longest silence between two arrivals that touches the span; up to its end where nothing came any more. */
  longestSilence(from: number, to: number): number {
    let longest = 0;
    for (const [index, at] of this.arrivals.entries()) {
      const before = this.arrivals[index - 1];
      if (before !== undefined && at >= from && before <= to) longest = Math.max(longest, at - before);
    }
    const last = this.lastArrival;
    return this.isLive && last !== null && last < to ? Math.max(longest, to - last) : longest;
  }
}
