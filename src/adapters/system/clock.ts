import { randomFillSync, randomInt } from 'node:crypto';
import type { Clock } from '../../ports/clock.ts';

/** A timer set further ahead than this many milliseconds would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const RANDOM_STEPS = 2 ** 48 - 1;

/** The machine's own time and chance. */
export class SystemClock implements Clock {
  #idMs = 0;
  #idCount = 0;

  now(): number {
    return Date.now();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const abort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(
        () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        },
        Math.min(ms, LONGEST_TIMER_MS),
      );
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  random(): number {
    return randomInt(RANDOM_STEPS) / RANDOM_STEPS;
  }

  /** 48 bits of milliseconds, 12 of a counter, 62 of chance; the time runs ahead where the counter overflows or the clock steps back. */
  newId(): string {
    const bytes = randomFillSync(Buffer.allocUnsafe(16));
    const now = Date.now();
    if (now > this.#idMs) {
      this.#idMs = now;
      this.#idCount = bytes.readUInt16BE(6) & 0x7ff;
    } else if (++this.#idCount > 0xfff) {
      this.#idMs++;
      this.#idCount = 0;
    }
    bytes.writeUIntBE(this.#idMs, 0, 6);
    bytes.writeUInt16BE(0x7000 | this.#idCount, 6);
    bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8);
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }
}
