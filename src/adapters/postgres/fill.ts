import { isUnavailable } from './moving.ts';

/**
 * At most `limit` rows of all shards together, since whatever is returned counts as dealt with: each gets a
 * share, and those that had more get what the others left. A shard that fails costs the others nothing.
 */
export async function fill<S, Row>(
  shards: readonly S[],
  limit: number,
  onError: (shard: S, error: unknown) => void,
  take: (shard: S, limit: number) => Promise<Row[]>,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (let asked = shards; asked.length > 0 && rows.length < limit; ) {
    const left = limit - rows.length;
    const shares = asked.map((shard, index) => ({
      shard,
      share: Math.floor(left / asked.length) + Number(index < left % asked.length),
    }));
    // Those for whom nothing was left of this round may have more, as those that gave all they were asked for.
    const mayHaveMore: S[] = shares.filter(({ share }) => share === 0).map(({ shard }) => shard);
    await Promise.all(
      shares
        .filter(({ share }) => share > 0)
        .map(async ({ shard, share }) => {
          try {
            const taken = await take(shard, share);
            rows.push(...taken);
            if (taken.length >= share) mayHaveMore.push(shard);
          } catch (error) {
            if (!isUnavailable(error)) throw error;
            onError(shard, error);
          }
        }),
    );
    asked = mayHaveMore;
  }
  return rows;
}
