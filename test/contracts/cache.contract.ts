import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Cache } from '../../src/ports/cache.ts';
import { until } from './until.ts';

export type CacheHarness = AsyncDisposable & { cache: Cache };

const MINUTE_MS = 60_000;

export function cacheContract(name: string, start: () => Promise<CacheHarness>): void {
  describe(`cache: ${name}`, () => {
    let harness: CacheHarness;
    let cache: Cache;
    let key: string;

    beforeEach(async () => {
      harness = await start();
      cache = harness.cache;
      key = randomUUID();
    });
    afterEach(() => harness[Symbol.asyncDispose]());

    it('adds where nothing is, for one of those who ask at once', async () => {
      const values = Array.from({ length: 8 }, (_, n) => Uint8Array.of(n));
      const kept = await Promise.all(values.map((value) => cache.add(key, value, MINUTE_MS)));
      expect(kept.filter((each) => each === null)).toHaveLength(1);
      const winner = values[kept.indexOf(null)]!;
      for (const each of kept) if (each) expect([...each]).toEqual([...winner]);
      expect([...(await cache.get(key))!]).toEqual([...winner]);
      await cache.delete(key);
      expect(await cache.add(key, Uint8Array.of(9), MINUTE_MS)).toBeNull();
    });

    it('misses what was never set', async () => {
      expect(await cache.get(key)).toBeNull();
      await cache.delete(key);
    });

    it('returns what was set, byte for byte', async () => {
      const value = Uint8Array.from({ length: 1000 }, (_, n) => n % 256);
      await cache.set(key, value, MINUTE_MS);
      expect(Buffer.from((await cache.get(key)) ?? []).equals(value)).toBe(true);
      await cache.set(key, new Uint8Array(0), MINUTE_MS);
      expect(await cache.get(key)).toHaveLength(0);
    });

    it('keeps its own copy', async () => {
      const value = Buffer.from('before');
      await cache.set(key, value, MINUTE_MS);
      value.write('after!');
      expect(Buffer.from((await cache.get(key)) ?? []).toString()).toBe('before');
    });

    it('replaces, and forgets when told', async () => {
      await cache.set(key, Buffer.from('one'), MINUTE_MS);
      await cache.set(key, Buffer.from('two'), MINUTE_MS);
      expect(Buffer.from((await cache.get(key)) ?? []).toString()).toBe('two');
      await cache.delete(key);
      expect(await cache.get(key)).toBeNull();
    });

    it('forgets after the time to live', async () => {
      await cache.set(key, Buffer.from('soon gone'), 50);
      await until(async () => (await cache.get(key)) === null);
      await cache.set(key, Buffer.from('gone at once'), 0);
      expect(await cache.get(key)).toBeNull();
    });
  });
}
