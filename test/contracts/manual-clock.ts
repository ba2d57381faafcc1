import { SystemClock } from '../../src/adapters/system/clock.ts';

/** Time moves when the test says so. */
export class ManualClock extends SystemClock {
  #now = Date.now();
  readonly #sleepers = new Set<{ until: number; wake: () => void }>();

  override now(): number {
    return this.#now;
  }

  override sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const sleeper = { until: this.#now + ms, wake: resolve };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', () => {
        if (this.#sleepers.delete(sleeper)) reject(signal.reason);
      });
    });
  }

  /** Lets what is under way happen, then wakes who is due, in the order of their times. */
  async advance(ms: number): Promise<void> {
    await new Promise(setImmediate);
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#sleepers].filter(({ until }) => until <= end).sort((a, b) => a.until - b.until);
      if (!next) break;
      this.#sleepers.delete(next);
      this.#now = Math.max(this.#now, next.until);
      next.wake();
      await new Promise(setImmediate);
    }
    this.#now = end;
    await new Promise(setImmediate);
  }
}
