/**
 * Tokens that an account has used in a period, and that are set aside for its answers under way: exact for callers
 * at once, across all processes that share it. It may be lost: what was used is then told to it again.
 */
export interface TokenBudgets {
  /** Sets aside in every period, or in none. An id that has tokens set aside keeps those. */
  reserve(reservation: Reservation): Promise<ReserveOutcome>;

  /**
   * What was used in the end, in place of what was set aside; 0 gives all of it back. Only the first call for an
   * id counts. Where nothing is set aside any more, it counts in `periods`, as far as they are known.
   */
  settle(account: string, id: string, tokens: number, periods: readonly string[]): Promise<void>;
}

export type BudgetPeriod = {
  /** Never the same again, e.g. `day:2026-03-01`. */
  name: string;
  limit: number;
};

export type Reservation = {
  account: string;
  id: string;
  tokens: number;
  periods: readonly BudgetPeriod[];
  /** By the names of periods, for those that were said to be unknown. */
  used?: Readonly<Record<string, number>>;
  /** Of what nobody has settled until then nobody knows what was used: its periods become unknown. */
  lapsesInMs: number;
};

export type ReserveOutcome =
  /** `remaining`: in the period with the least left, this reservation taken off. */
  | { kind: 'reserved'; period: string; remaining: number }
  | { kind: 'refused'; period: string; remaining: number }
  /** Nothing was set aside: say what was used in these, and ask again. */
  | { kind: 'unknown'; periods: readonly string[] };
