import { LRUCache } from 'lru-cache';
import type { Cache } from '../../ports/cache.ts';
import type { Clock } from '../../ports/clock.ts';

/** Rough cost of an entry beside its key and value. */
const ENTRY_BYTES = 200;

export class MemoryCache implements Cache {
  readonly #entries: LRUCache<string, Uint8Array>;

  constructor({ clock, maxBytes = 64 * 1024 * 1024 }: { clock: Clock; maxBytes?: number }) {
    this.#entries = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: (value, key) => value.byteLength + key.length * 2 + ENTRY_BYTES,
      ttlResolution: 0,
      perf: { now: () => clock.now() },
    });
  }

  async get(key: string): Promise<Uint8Array | null> {
    return this.#entries.get(key) ?? null;
  }

  /** A value larger than the whole cache is not kept, nor is the one it replaces. */
  async set(key: string, value: Uint8Array, ttlMs: number): Promise<void> {
    const ttl = Math.floor(ttlMs);
    if (ttl > 0) this.#entries.set(key, new Uint8Array(value), { ttl });
    else this.#entries.delete(key);
  }

  async add(key: string, value: Uint8Array, ttlMs: number): Promise<Uint8Array | null> {
    const kept = this.#entries.get(key);
    if (!kept) await this.set(key, value, ttlMs);
    return kept ?? null;
  }

  async delete(key: string): Promise<void> {
    this.#entries.delete(key);
  }
}
