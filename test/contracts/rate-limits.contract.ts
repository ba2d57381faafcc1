import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RateLimits } from '../../src/ports/rate-limits.ts';
import { until } from './until.ts';

export type RateLimitsHarness = AsyncDisposable & { limits: RateLimits };

export function rateLimitsContract(name: string, start: () => Promise<RateLimitsHarness>): void {
  describe(`rate limits: ${name}`, () => {
    let harness: RateLimitsHarness;
    let limits: RateLimits;
    let key: string;

    beforeEach(async () => {
      harness = await start();
      limits = harness.limits;
      key = `chat:${randomUUID()}`;
    });
    afterEach(() => harness[Symbol.asyncDispose]());

    it('allows exactly the limit, counts down, and says when the window ends', async () => {
      const outcomes = [];
      for (let n = 0; n < 5; n++) outcomes.push(await limits.take(key, 3, 60_000));
      expect(outcomes.map(({ allowed, limit, remaining }) => ({ allowed, limit, remaining }))).toEqual([
        { allowed: true, limit: 3, remaining: 2 },
        { allowed: true, limit: 3, remaining: 1 },
        { allowed: true, limit: 3, remaining: 0 },
        { allowed: false, limit: 3, remaining: 0 },
        { allowed: false, limit: 3, remaining: 0 },
      ]);
      for (const { resetMs } of outcomes) {
        expect(resetMs).toBeGreaterThan(0);
        expect(resetMs).toBeLessThanOrEqual(60_000);
      }
    });

    it('counts each key for itself', async () => {
      expect(await limits.take(key, 1, 60_000)).toMatchObject({ allowed: true });
      expect(await limits.take(`${key}:other`, 1, 60_000)).toMatchObject({ allowed: true });
      expect(await limits.take(key, 1, 60_000)).toMatchObject({ allowed: false });
    });

    it('is exact for callers at the same time', async () => {
      const outcomes = await Promise.all(Array.from({ length: 50 }, () => limits.take(key, 20, 60_000)));
      expect(outcomes.filter(({ allowed }) => allowed)).toHaveLength(20);
    });

    it('begins anew after the window, which those refused do not lengthen', async () => {
      expect(await limits.take(key, 1, 300)).toMatchObject({ allowed: true });
      await until(async () => (await limits.take(key, 1, 300)).allowed);
    });
  });
}
