import type { Clock } from '../ports/clock.ts';
import type { Frame } from '../ports/token-log.ts';

/**
 * The live frames of one reader between two of its reads. When it is too slow they are dropped, and a gap
 * stands in their place: the log still has them.
 */
export class FrameInbox implements Disposable {
  readonly #maxBytes: number;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #abort = () => this.#settle((waiting) => waiting.reject(this.#signal.reason));
  #frames: Frame[] = [];
  #bytes = 0;
  #waiting: PromiseWithResolvers<'frames' | 'silence'> | null = null;
  #watching: AbortController | null = null;
  #silenceMs = 0;
  #quietSince = 0;
  #hear: ((frame: Frame) => boolean) | null = null;

  constructor(clock: Clock, maxBytes: number, signal: AbortSignal) {
    this.#clock = clock;
    this.#maxBytes = maxBytes;
    this.#signal = signal;
    signal.addEventListener('abort', this.#abort, { once: true });
  }

  put(frame: Frame): void {
    if (this.#waiting && this.#hear?.(frame)) {
      this.#quietSince = this.#clock.now();
      return;
    }
    if (frame.kind === 'bytes') this.#bytes += frame.text.length + frame.reasoning.length;
    if (this.#bytes > this.#maxBytes) {
      this.#frames = [{ kind: 'gap' }];
      this.#bytes = 0;
    } else {
      this.#frames.push(frame);
    }
    this.#settle((waiting) => waiting.resolve('frames'));
  }

  drain(): readonly Frame[] {
    const frames = this.#frames;
    this.#frames = [];
    this.#bytes = 0;
    return frames;
  }

  /**
   * Rejects with the signal's reason when aborted. One wait at a time. A frame that comes while it lasts goes to
   * `hear`, and ends the wait only where that returns false, which leaves the frame here.
   */
  wait(silenceMs: number, hear: ((frame: Frame) => boolean) | null = null): Promise<'frames' | 'silence'> {
    this.#hear = hear;
    if (this.#frames.length > 0) return Promise.resolve('frames');
    if (this.#signal.aborted) return Promise.reject(this.#signal.reason);
    this.#quietSince = this.#clock.now();
    const waiting = Promise.withResolvers<'frames' | 'silence'>();
    this.#waiting = waiting;
    if (!this.#watching || silenceMs !== this.#silenceMs) {
      this.#watching?.abort();
      this.#watching = new AbortController();
      this.#silenceMs = silenceMs;
      void this.#watch(this.#watching.signal);
    }
    return waiting.promise;
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this.#abort);
    this.#watching?.abort();
  }

  /** One timer for all waits, since each frame ends one: what came meanwhile puts off its next look. */
  async #watch(stopped: AbortSignal): Promise<void> {
    while (!stopped.aborted) {
      const leftMs = this.#waiting ? this.#quietSince + this.#silenceMs - this.#clock.now() : this.#silenceMs;
      // A clock that was set back puts it off by no more than that.
      if (leftMs > 0) await this.#clock.sleep(Math.min(leftMs, this.#silenceMs), stopped).catch(() => {});
      else this.#settle((waiting) => waiting.resolve('silence'));
    }
  }

  #settle(settle: (waiting: PromiseWithResolvers<'frames' | 'silence'>) => void): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting) settle(waiting);
  }
}
