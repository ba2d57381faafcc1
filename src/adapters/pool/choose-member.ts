import { rendezvous, type Weighted } from '../../lib/rendezvous.ts';

type Candidate = Weighted & { outstanding: number };

/** How far beyond its share of the requests a server may go, for the prompts that it remembers. */
const BOUND = 1.25;

/**
 * The conversation's own server, whose memory holds its prompt, while that has no more than a bounded share of the
 * requests; else the less loaded of two that chance picks. `chance`: two numbers in [0, 1).
 */
export function chooseMember<T extends Candidate>(
  candidates: readonly T[],
  affinity: string,
  chance: () => number,
): T | undefined {
  if (candidates.length < 2) return candidates[0];
  const own = rendezvous(affinity, candidates)[0]!;
  const requests = sum(candidates, ({ outstanding }) => outstanding) + 1;
  const share = (requests * own.weight) / sum(candidates, ({ weight }) => weight);
  if (own.outstanding < Math.ceil(BOUND * share)) return own;
  const one = pick(candidates, chance());
  const other = pick(
    candidates.filter((each) => each !== one),
    chance(),
  );
  return other.outstanding / other.weight < one.outstanding / one.weight ? other : one;
}

function pick<T extends Weighted>(candidates: readonly T[], chance: number): T {
  let left = chance * sum(candidates, ({ weight }) => weight);
  for (const candidate of candidates) {
    left -= candidate.weight;
    if (left < 0) return candidate;
  }
  return candidates.at(-1)!;
}

function sum<T>(all: readonly T[], of: (each: T) => number): number {
  return all.reduce((total, each) => total + of(each), 0);
}
