import type { Clock } from '../ports/clock.ts';
import type { Frame } from '../ports/token-log.ts';

/** Silence is noticed between its time and a quarter more: one timer ticks for all waits, since each frame ends one. */
const TICKS = 4;

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
  #ticking: AbortController | null = null;
  #tickMs = 0;
  #quietTicks = 0;
  #hear: ((frame: Frame) => boolean) | null = null;

  constructor(clock: Clock, maxBytes: number, signal: AbortSignal) {
    this.#clock = clock;
    this.#maxBytes = maxBytes;
    this.#signal = signal;
    signal.addEventListener('abort', this.#abort, { once: true });
  }

  put(frame: Frame): void {
    if (this.#waiting && this.#hear?.(frame)) {
      this.#quietTicks = 0;
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
    this.#quietTicks = 0;
    const waiting = Promise.withResolvers<'frames' | 'silence'>();
    this.#waiting = waiting;
    const tickMs = silenceMs / TICKS;
    if (!this.#ticking || tickMs !== this.#tickMs) {
      this.#ticking?.abort();
      this.#ticking = new AbortController();
      this.#tickMs = tickMs;
      void this.#tick(this.#ticking.signal);
    }
    return waiting.promise;
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this.#abort);
    this.#ticking?.abort();
  }

  /** The first of the ticks that a wait sees began before it. */
  async #tick(stopped: AbortSignal): Promise<void> {
    while (!stopped.aborted) {
      await this.#clock.sleep(this.#tickMs, stopped).catch(() => {});
      this.#quietTicks += 1;
      if (!stopped.aborted && this.#quietTicks > TICKS) this.#settle((waiting) => waiting.resolve('silence'));
    }
  }

  #settle(settle: (waiting: PromiseWithResolvers<'frames' | 'silence'>) => void): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting) settle(waiting);
  }
}
