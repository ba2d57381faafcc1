import type { Lane } from '../protocol/generation.ts';

/**
 * A ticket counter per lane, so that a waiting person can be told a place and a time. In: a counter;
 * out: the highest ticket claimed. Losing it costs the estimate and nothing else.
 */
export interface WaitingLine {
  /**
   * Draws consecutive tickets, one for each, and returns the first. `tokens`: that each may write, null where that
   * is not known.
   */
  draw(lane: Lane, tokens: readonly (number | null)[]): Promise<number>;
  /** A job with this ticket was claimed. One from before a loss counts as drawn: nobody is ever served before drawing. */
  serve(lane: Lane, ticket: number, tokens: number): Promise<void>;
  /** As it is, or as it was seen at most so many milliseconds ago. */
  look(lane: Lane, maxAgeMs?: number): Promise<LineView>;
}

export type LineView = {
  /** Highest ticket drawn, and highest served; 0 before any. */
  drawn: number;
  served: number;
  /** Served per second over the last minute or so; null while unknown. */
  ratePerSecond: number | null;
  /** Of those drawn lately, the mean; null before any. */
  meanTokens: number | null;
  /** Of those served over the last minute or so; null while unknown. */
  tokensPerSecond: number | null;
};

/** The mean of what was drawn lately, one more taken in; each counts for one of about so many. */
export const MEAN_OVER = 20;
