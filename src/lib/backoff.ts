/** `base · 2^attempt` up to `max`, with the upper half random; milliseconds. `chance` in [0, 1). */
export function backoffMs(attempt: number, base: number, max: number, chance: number): number {
  const ceiling = Math.min(max, base * 2 ** Math.min(attempt, 30));
  return Math.round(ceiling / 2 + (ceiling / 2) * chance);
}

/**
 * Decorrelated jitter: each pause between `base` and three times the one before, up to `max`; milliseconds. Many who
 * failed together do not come back together. Those before are drawn anew, so that nobody need keep them.
 */
export function decorrelatedBackoffMs(attempt: number, base: number, max: number, chance: () => number): number {
  let pause = base;
  for (let each = 0; each <= attempt; each += 1) pause = Math.min(max, base + (3 * pause - base) * chance());
  return Math.round(pause);
}
