/** Counts requests in fixed windows, exactly, across all processes that share it. */
export interface RateLimits {
  /** Takes one. `key` names who and what is limited. */
  take(key: string, limit: number, windowMs: number): Promise<RateLimitOutcome>;
}

export type RateLimitOutcome = { allowed: boolean; limit: number; remaining: number; resetMs: number };
