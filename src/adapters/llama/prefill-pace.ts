/**
 * How many prompt tokens are read in one step, and on how many threads. A step is the time that neighbours
 * wait for their next token and that an abort waits to be obeyed, so its size follows from the measured rate.
 *
 * Threads of one step wait for each other spinning: one thread too many on a busy machine makes it ten times
 * slower, not a little. So all threads are used only while the cores are seen to be idle, nobody waits for a
 * next token, and it has not gone wrong lately.
 */
export class PrefillPace {
  readonly #few: Rate;
  readonly #all: Rate;
  #allNotBefore = 0;

  constructor(threads: { few: number; all: number }, tokensPerSecond: number) {
    this.#few = { threads: threads.few, tokensPerSecond };
    this.#all = { threads: threads.all, tokensPerSecond };
  }

  /** `neighbours` get a token each in the same step; `idleCores`: those that nobody else uses; `now` in milliseconds. */
  next(state: { neighbours: number; idleCores: number; now: number }): { threads: number; tokens: number } {
    const quiet = state.neighbours === 0 && state.idleCores >= this.#all.threads - CORE_TOLERANCE;
    const { threads, tokensPerSecond } = quiet && state.now >= this.#allNotBefore ? this.#all : this.#few;
    const target = state.neighbours > 0 ? TARGET_MS.beside : TARGET_MS.alone;
    const tokens = Math.min(MAX_TOKENS, Math.max(MIN_TOKENS, (tokensPerSecond * target) / 1000));
    return { threads, tokens: Math.floor(tokens / KERNEL_ROWS) * KERNEL_ROWS };
  }

  /** A step on `threads` that ended `now` has taken `ms` for `tokens`, those of the neighbours included. */
  measured(step: { threads: number; tokens: number; ms: number; now: number }): void {
    const rate = step.threads === this.#few.threads ? this.#few : this.#all;
    const seen = (step.tokens * 1000) / Math.max(step.ms, 0.1);
    const weight = seen < rate.tokensPerSecond ? WEIGHT.slower : WEIGHT.faster;
    if (step.tokens >= KERNEL_ROWS) rate.tokensPerSecond += (seen - rate.tokensPerSecond) * weight;
    if (rate === this.#all && this.#few !== this.#all && seen < this.#few.tokensPerSecond * 0.8) {
      this.#allNotBefore = step.now + AVOID_MS;
    }
  }
}

type Rate = { readonly threads: number; tokensPerSecond: number };

/** Below 150 ms, so that a slow step stays below it too; less where others are kept waiting. */
const TARGET_MS = { alone: 135, beside: 120 } as const;
/** Less is hardly quicker: every step reads all weights once. */
const MIN_TOKENS = 16;
export const MAX_TOKENS = 256;
/** Matrix kernels work in blocks of so many rows. */
const KERNEL_ROWS = 8;
/** A machine that becomes busy is believed sooner than one that becomes free. */
const WEIGHT = { slower: 0.5, faster: 0.2 } as const;
const CORE_TOLERANCE = 0.2;
const AVOID_MS = 60_000;

/**
 * Shares one step's tokens among the prompts being read, the oldest first in the list: the shortest rest is read
 * first, which brings the first tokens soonest on average, but a part is always the oldest's, so that a long
 * prompt moves however many short ones come.
 */
export function shareTokens(remaining: readonly number[], tokens: number): number[] {
  const shares = remaining.map(() => 0);
  let left = tokens;
  const give = (index: number, most: number) => {
    const given = Math.min(most, left, remaining[index]! - shares[index]!);
    shares[index]! += given;
    left -= given;
  };
  if (remaining.length > 0) give(0, Math.ceil(tokens * OLDEST_PART));
  const shortestFirst = remaining.map((_, index) => index).sort((a, b) => remaining[a]! - remaining[b]!);
  for (const index of shortestFirst) give(index, left);
  return shares;
}

const OLDEST_PART = 0.25;
