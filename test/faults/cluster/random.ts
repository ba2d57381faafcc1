/** Seeded (mulberry32), so that the same run can be asked for again; what the machine does in between is its own. */
export type Random = { unit(): number; below(limit: number): number; pick<T>(list: readonly T[]): T };

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const unit = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(unit() * limit);
  return { unit, below, pick: (list) => list[below(list.length)]! };
}
