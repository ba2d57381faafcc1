import { expect, it } from 'vitest';
import { MemoryRateLimits } from '../../src/adapters/memory/rate-limits.ts';
import { rateLimitsContract } from './rate-limits.contract.ts';

rateLimitsContract('memory', async () => ({ limits: new MemoryRateLimits(), [Symbol.asyncDispose]: async () => {} }));

it('keeps a bounded number of keys, those that asked last', async () => {
  const limits = new MemoryRateLimits({ maxKeys: 2 });
  await limits.take('a', 1, 60_000);
  await limits.take('b', 1, 60_000);
  expect(await limits.take('a', 1, 60_000)).toMatchObject({ allowed: false });
  await limits.take('c', 1, 60_000);
  expect(await limits.take('a', 1, 60_000)).toMatchObject({ allowed: false });
  expect(await limits.take('b', 1, 60_000)).toMatchObject({ allowed: true });
});
