import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rendezvous, type Weighted } from '../../src/lib/rendezvous.ts';

const KEYS = Array.from({ length: 10_000 }, (_, index) => createHash('sha1').update(String(index)).digest('hex'));
const even = (count: number): Weighted[] => Array.from({ length: count }, (_, id) => ({ id, weight: 1 }));
const first = (key: string, choices: readonly Weighted[]) => rendezvous(key, choices)[0]!.id;
const shares = (choices: readonly Weighted[]) => {
  const counts = new Map(choices.map(({ id }) => [id, 0]));
  for (const key of KEYS) counts.set(first(key, choices), counts.get(first(key, choices))! + 1);
  return choices.map(({ id }) => counts.get(id)! / KEYS.length);
};

describe('weighted rendezvous hashing', () => {
  test('a fifth shard takes a fifth of the keys, and no key goes anywhere else', () => {
    const moved = KEYS.filter((key) => first(key, even(4)) !== first(key, even(5)));
    expect(moved.every((key) => first(key, even(5)) === 4)).toBe(true);
    expect(moved.length / KEYS.length).toBeCloseTo(1 / 5, 1);
  });

  test('shares follow the weights', () => {
    for (const share of shares(even(4))) expect(share).toBeCloseTo(1 / 4, 1);
    const weighted = shares([
      { id: 0, weight: 1 },
      { id: 1, weight: 3 },
      { id: 2, weight: 4 },
    ]);
    expect(weighted[0]).toBeCloseTo(1 / 8, 1);
    expect(weighted[1]).toBeCloseTo(3 / 8, 1);
    expect(weighted[2]).toBeCloseTo(4 / 8, 1);
  });

  test('a heavier weight only draws keys towards its shard', () => {
    const heavier = even(4).map((each) => (each.id === 2 ? { ...each, weight: 2 } : each));
    for (const key of KEYS) {
      if (first(key, heavier) !== first(key, even(4))) expect(first(key, heavier)).toBe(2);
    }
  });

  test('the order of the rest does not depend on who is there, nor on how they are listed', () => {
    const choice = fc.record({ id: fc.nat(500), weight: fc.integer({ min: 1, max: 1000 }) });
    const choices = fc.uniqueArray(choice, { selector: ({ id }) => id, minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(fc.string(), choices, fc.nat(), (key, all, which) => {
        const order = rendezvous(key, all).map(({ id }) => id);
        expect(rendezvous(key, all.toReversed()).map(({ id }) => id)).toEqual(order);
        const gone = all[which % all.length]!.id;
        const rest = all.filter(({ id }) => id !== gone);
        expect(rendezvous(key, rest).map(({ id }) => id)).toEqual(order.filter((id) => id !== gone));
      }),
    );
  });

  test('is the same for ever: users are found by it', () => {
    const order = rendezvous('018f3a5e-0000-7000-8000-000000000000', even(5)).map(({ id }) => id);
    expect(order).toMatchInlineSnapshot(`
      [
        0,
        4,
        2,
        3,
        1,
      ]
    `);
  });
});
