/** `base · 2^attempt` up to `max`, with the upper half random; milliseconds. `chance` in [0, 1). */
export function backoffMs(attempt: number, base: number, max: number, chance: number): number {
  const ceiling = Math.min(max, base * 2 ** Math.min(attempt, 30));
  return Math.round(ceiling / 2 + (ceiling / 2) * chance);
}
