/** An idle place in the model's memory, and how much of a new prompt it already holds. */
export type Candidate = {
  affinity: string | null;
  /** Tokens in memory, and how many of them, from the start, the new prompt begins with. */
  cached: number;
  shared: number;
  /** When it was last used; any increasing number. */
  usedAt: number;
};

/**
 * The candidate whose memory serves best: the conversation's own; else the one that shares the most, if that
 * is worth more than what would be thrown away; else an empty one; else the one unused for longest. A short
 * common beginning (the same system prompt) must not cost another conversation its memory.
 */
export function chooseSequence(candidates: readonly Candidate[], promptTokens: number, affinity: string): number {
  let best = -1;
  for (const [index, candidate] of candidates.entries()) {
    if (candidate.shared === 0 || !servesWell(candidate, promptTokens, affinity)) continue;
    if (best < 0 || candidate.shared > candidates[best]!.shared) best = index;
  }
  if (best >= 0) return best;
  for (const [index, candidate] of candidates.entries()) {
    const rank = candidate.cached === 0 ? -1 : candidate.usedAt;
    const bestRank =
      best < 0 ? Number.POSITIVE_INFINITY : candidates[best]!.cached === 0 ? -1 : candidates[best]!.usedAt;
    if (rank < bestRank) best = index;
  }
  return best;
}

function servesWell(candidate: Candidate, promptTokens: number, affinity: string): boolean {
  if (candidate.affinity === affinity) return true;
  return candidate.shared * 2 >= Math.min(candidate.cached, promptTokens);
}
