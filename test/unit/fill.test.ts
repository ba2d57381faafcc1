import { expect, test } from 'vitest';
import { fill } from '../../src/adapters/postgres/fill.ts';

/** Takes from what is left of each shard. */
function takeFrom(left: number[]) {
  return async (shard: number, limit: number): Promise<number[]> => {
    const taken = Math.min(limit, left[shard]!);
    left[shard]! -= taken;
    return Array.from({ length: taken }, () => shard);
  };
}

test('takes as many as asked for where the shards together have them, wherever they are', async () => {
  const failures: unknown[] = [];
  for (let limit = 1; limit <= 7; limit++) {
    for (const rows of [
      [9, 0, 0],
      [0, 9, 0],
      [0, 0, 9],
      [2, 9, 0],
      [2, 0, 9],
      [1, 1, 9],
    ]) {
      const found = await fill([0, 1, 2], limit, (_, error) => failures.push(error), takeFrom([...rows]));
      expect([rows, limit, found.length]).toEqual([rows, limit, limit]);
    }
  }
  expect(failures).toEqual([]);
});
