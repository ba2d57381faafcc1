import { expect, it } from 'vitest';
import { MemoryCache } from '../../src/adapters/memory/cache.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import { cacheContract } from './cache.contract.ts';
import { ManualClock } from './manual-clock.ts';

cacheContract('memory', async () => ({
  cache: new MemoryCache({ clock: new SystemClock() }),
  [Symbol.asyncDispose]: async () => {},
}));

it('is bounded by bytes, and drops what was used longest ago', async () => {
  const cache = new MemoryCache({ clock: new SystemClock(), maxBytes: 10_000 });
  const value = new Uint8Array(4_000);
  await cache.set('a', value, 60_000);
  await cache.set('b', value, 60_000);
  await cache.get('a');
  await cache.set('c', value, 60_000);
  expect([await cache.get('a'), await cache.get('b'), await cache.get('c')].map((one) => one !== null)).toEqual([
    true,
    false,
    true,
  ]);
  await cache.set('a', new Uint8Array(20_000), 60_000);
  expect(await cache.get('a')).toBeNull();
});

it('takes its time from the clock it is given', async () => {
  const clock = new ManualClock();
  const cache = new MemoryCache({ clock });
  await cache.set('a', new Uint8Array(1), 1_000);
  await clock.advance(1_000);
  expect(await cache.get('a')).not.toBeNull();
  await clock.advance(1);
  expect(await cache.get('a')).toBeNull();
});
