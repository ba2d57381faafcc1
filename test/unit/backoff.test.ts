import { expect, it } from 'vitest';
import { backoffMs, decorrelatedBackoffMs } from '../../src/lib/backoff.ts';

it('doubles up to a most, the upper half by chance', () => {
  expect([0, 1, 2, 3, 50].map((attempt) => backoffMs(attempt, 100, 500, 0))).toEqual([50, 100, 200, 250, 250]);
  expect(backoffMs(1, 100, 500, 0.5)).toBe(150);
});

it('draws each pause between the base and three times the one before', () => {
  expect([0, 1, 2, 3].map((attempt) => decorrelatedBackoffMs(attempt, 100, 500, () => 0.5))).toEqual([
    200, 350, 500, 500,
  ]);
  expect(decorrelatedBackoffMs(7, 100, 500, () => 0)).toBe(100);
});
