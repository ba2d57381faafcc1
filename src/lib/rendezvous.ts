import { createHash } from 'node:crypto';

export type Weighted = { id: number; weight: number };

const HASH_BYTES = 6;
const HASH_RANGE = 2 ** (8 * HASH_BYTES);

/**
 * Weighted rendezvous hashing: the choices in the order in which `key` prefers them. Each is first for a
 * share of keys that is its share of the weights, and a choice that comes or goes changes the order of
 * the others for no key: only those keys move that it wins or leaves.
 */
export function rendezvous<T extends Weighted>(key: string, choices: readonly T[]): T[] {
  return choices
    .map((choice) => ({ choice, score: score(key, choice) }))
    .sort((a, b) => b.score - a.score || a.choice.id - b.choice.id)
    .map(({ choice }) => choice);
}

function score(key: string, { id, weight }: Weighted): number {
  const hash = createHash('sha256').update(`${key} ${id}`).digest().readUIntBE(0, HASH_BYTES);
  // In (0, 1), so that the logarithm is finite and not zero.
  return -weight / Math.log((hash + 0.5) / HASH_RANGE);
}
