import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Credit, planCredit, renewsTooMuch, type Subscription } from './lane-credit.ts';

const subscription = fc
  .record({
    prefetch: fc.integer({ min: 1, max: 40 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    isOpen: fc.boolean(),
  })
  .map(
    ({ prefetch, share, isOpen }): Subscription => ({
      tag: 'x',
      prefetch,
      unsettled: Math.floor(share * prefetch),
      state: isOpen ? 'open' : 'ended',
      afterwards: [],
    }),
  );
const credit = fc
  .record({ allowed: fc.nat(100), subscriptions: fc.array(subscription, { maxLength: 12 }) })
  .map(({ allowed, subscriptions }) => ({ allowed, subscriptions: new Set(subscriptions) }));

const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);
const free = ({ subscriptions }: Credit) =>
  sum([...subscriptions].filter(({ state }) => state === 'open').map((one) => one.prefetch - one.unsettled));
const startable = ({ allowed, subscriptions }: Credit) =>
  Math.max(0, allowed - sum([...subscriptions].map(({ unsettled }) => unsettled)));

/** Carries plans out as the broker would, with nothing delivered or settled meanwhile. */
function carryOut(credit: Credit & { subscriptions: Set<Subscription> }): number {
  for (let steps = 0; ; steps++) {
    const plan = planCredit(credit);
    if (plan.kind === 'as-is') return steps;
    if (plan.kind === 'less') for (const one of plan.end) one.state = 'ended';
    else credit.subscriptions.add({ tag: 'y', prefetch: plan.count, unsettled: 0, state: 'open', afterwards: [] });
  }
}

it('settles in a few steps within a factor of two of what may start', () => {
  fc.assert(
    fc.property(credit, (given) => {
      expect(carryOut(given)).toBeLessThanOrEqual(3);
      expect(free(given)).toBeLessThanOrEqual(2 * startable(given));
      expect(free(given)).toBeGreaterThanOrEqual(startable(given) / 2);
    }),
  );
});

it('never renews credit beyond that factor', () => {
  fc.assert(
    fc.property(credit, (given) => {
      const one = [...given.subscriptions].find(({ state, unsettled }) => state === 'open' && unsettled > 0);
      if (!one || renewsTooMuch(given)) return;
      one.unsettled--;
      expect(free(given)).toBeLessThanOrEqual(2 * startable(given));
    }),
  );
});

it('does not trouble the broker while what is allowed wavers by one', () => {
  const given: Credit & { subscriptions: Set<Subscription> } = { allowed: 20, subscriptions: new Set() };
  carryOut(given);
  for (const allowed of [19, 20, 18, 20, 17]) expect(planCredit({ ...given, allowed }).kind).toBe('as-is');
});
