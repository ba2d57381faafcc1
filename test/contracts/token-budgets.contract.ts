import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Reservation, TokenBudgets } from '../../src/ports/token-budgets.ts';

export type TokenBudgetsHarness = AsyncDisposable & { budgets: TokenBudgets; pass(ms: number): Promise<void> };

const DAY = { name: 'day:2026-03-01', limit: 100 };
const MONTH = { name: 'month:2026-03', limit: 150 };
const UNUSED = { [DAY.name]: 0, [MONTH.name]: 0 };

export function tokenBudgetsContract(name: string, start: () => Promise<TokenBudgetsHarness>): void {
  describe(`token budgets: ${name}`, () => {
    let harness: TokenBudgetsHarness;
    let account: string;
    let ids = 0;

    beforeEach(async () => {
      harness = await start();
      account = randomUUID();
    });
    afterEach(() => harness[Symbol.asyncDispose]());

    const reserve = (tokens: number, more: Partial<Reservation> = {}) => {
      ids += 1;
      const given = { account, id: `g${ids}`, tokens, periods: [DAY], used: UNUSED, lapsesInMs: 60_000, ...more };
      return harness.budgets.reserve(given);
    };
    const settle = (id: string, tokens: number) => harness.budgets.settle(account, id, tokens, [DAY.name]);
    const reserved = (remaining: number, period = DAY.name) => ({ kind: 'reserved', period, remaining });
    const refused = (remaining: number, period = DAY.name) => ({ kind: 'refused', period, remaining });

    it('asks what was used before, once', async () => {
      const periods = [DAY, MONTH];
      const names = [DAY.name, MONTH.name];
      expect(await reserve(10, { periods, used: {} })).toEqual({ kind: 'unknown', periods: names });
      expect(await reserve(10, { periods, used: { [DAY.name]: 60, [MONTH.name]: 60 } })).toEqual(reserved(30));
      expect(await reserve(10, { periods, used: {} })).toEqual(reserved(20));
      // Only the first to say it is believed: another may have asked at the same time.
      expect(await reserve(10, { periods, used: UNUSED })).toEqual(reserved(10));
    });

    it('sets aside in every period or in none', async () => {
      const periods = [{ ...DAY, limit: 1000 }, MONTH];
      expect(await reserve(100, { periods })).toEqual(reserved(50, MONTH.name));
      expect(await reserve(51, { periods })).toEqual(refused(50, MONTH.name));
      expect(await reserve(50, { periods })).toEqual(reserved(0, MONTH.name));
      expect(await reserve(800, { periods: [{ ...DAY, limit: 1000 }] })).toEqual(reserved(50));
    });

    it('is never overspent by callers at the same time', async () => {
      const outcomes = await Promise.all(Array.from({ length: 50 }, () => reserve(7)));
      expect(outcomes.filter(({ kind }) => kind === 'reserved')).toHaveLength(14);
    });

    it('counts what was used in the end, once, and gives back the rest', async () => {
      await reserve(90, { id: 'one' });
      expect(await reserve(90, { id: 'one' })).toEqual(reserved(10));
      expect(await reserve(20)).toEqual(refused(10));
      await settle('one', 30);
      await settle('one', 30);
      expect(await reserve(70, { id: 'two' })).toEqual(reserved(0));
      await settle('two', 0);
      expect(await reserve(71)).toEqual(refused(70));
    });

    it('counts what nothing was set aside for, or more than was', async () => {
      await reserve(10, { id: 'one' });
      await settle('one', 60);
      await settle('never asked', 30);
      await settle('never asked', 30);
      expect(await reserve(11)).toEqual(refused(10));
    });

    it('asks anew what was used once something lapses unsettled', async () => {
      await reserve(40, { id: 'kept' });
      await reserve(50, { id: 'lost', lapsesInMs: 200 });
      await harness.pass(250);
      expect(await reserve(10, { used: {} })).toEqual({ kind: 'unknown', periods: [DAY.name] });
      expect(await reserve(10, { used: { [DAY.name]: 45 } })).toEqual(reserved(5));
      // Late, and yet counted; what is not known any more is left alone.
      await settle('lost', 5);
      expect(await reserve(1)).toEqual(refused(0));
    });

    it('keeps accounts and periods apart', async () => {
      expect(await reserve(100)).toEqual(reserved(0));
      expect(await reserve(100, { account: `${account} other` })).toEqual(reserved(0));
      const next = { name: 'day:2026-03-02', limit: 100 };
      expect(await reserve(100, { periods: [next], used: {} })).toEqual({ kind: 'unknown', periods: [next.name] });
      expect(await reserve(100, { periods: [next], used: { [next.name]: 0 } })).toEqual(reserved(0, next.name));
    });
  });
}
