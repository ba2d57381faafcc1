import type { Clock } from '../../src/ports/clock.ts';
import type { Scheduler } from './scheduler.ts';

/** Milliseconds between a port call and its effect, and between the effect and its answer. */
const LATENCY = { least: 0, most: 3 };

/**
 * A process of the simulation. Each await on a port, and on time, is a point where it can die (the promise
 * never settles: code after the await never runs) or be paused (it settles late).
 */
export class SimulatedProcess {
  readonly name: string;
  /** Until others see that its connections are gone. */
  readonly noticedAfterMs: number;
  readonly #scheduler: Scheduler;
  readonly #latency: { least: number; most: number };
  #alive = true;
  #pausedUntil = 0;
  readonly #atDeath: (() => void)[] = [];

  constructor(name: string, scheduler: Scheduler, latency = LATENCY) {
    this.name = name;
    this.noticedAfterMs = 3 + (name.length % 5) * 8;
    this.#scheduler = scheduler;
    this.#latency = latency;
  }

  get now(): number {
    return this.#scheduler.now;
  }

  /** Since the last pause that it woke from. */
  get awakeSince(): number {
    return Math.min(this.#pausedUntil, this.now);
  }

  between(from: number, to: number): number {
    return this.#scheduler.between(from, to);
  }

  chance(share: number): boolean {
    return share > 0 && this.#scheduler.random() < share;
  }

  get alive(): boolean {
    return this.#alive;
  }

  onDeath(action: () => void): void {
    this.#atDeath.push(action);
  }

  kill(): void {
    if (!this.#alive) return;
    this.#alive = false;
    for (const action of this.#atDeath) action();
  }

  /** What others do once they see that it is gone. */
  afterDeath(action: () => void): void {
    this.#scheduler.after(this.noticedAfterMs, action);
  }

  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#scheduler.now + ms);
  }

  /** Runs `action` in this process after `ms`: later while it is paused, never once it is dead. */
  later(ms: number, action: () => void): void {
    this.#scheduler.after(ms, () => {
      if (!this.#alive) return;
      const pause = this.#pausedUntil - this.#scheduler.now;
      if (pause > 0) this.later(pause, action);
      else action();
    });
  }

  step(ms = this.#scheduler.between(this.#latency.least, this.#latency.most)): Promise<void> {
    return new Promise((resolve) => this.later(ms, resolve));
  }

  /** The port as this process reaches it: over a network, in which either way may be its last. */
  remote<T extends object>(port: T, fault?: (method: string) => Error | null): T {
    return new Proxy(port, {
      get: (target, method) => {
        const value = Reflect.get(target, method);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          await this.step();
          const failure = fault?.(String(method));
          if (failure) throw failure;
          const answer = settle(() => value.apply(target, args));
          const outcome = await answer;
          await this.step();
          if ('error' in outcome) throw outcome.error;
          return outcome.value;
        };
      },
    });
  }

  clock(newId: () => string): Clock {
    return { ...this.waitClock(), newId };
  }

  waitClock(): Omit<Clock, 'newId'> {
    const scheduler = this.#scheduler;
    return {
      now: () => scheduler.now,
      random: scheduler.random,
      sleep: (ms, signal) =>
        new Promise((resolve, reject) => {
          const abort = () => reject(signal?.reason);
          if (signal?.aborted) return abort();
          signal?.addEventListener('abort', abort, { once: true });
          this.later(Math.max(0, ms), () => {
            signal?.removeEventListener('abort', abort);
            resolve();
          });
        }),
    };
  }
}

type Settled = { value: unknown } | { error: unknown };

async function settle(call: () => unknown): Promise<Settled> {
  try {
    return { value: await call() };
  } catch (error) {
    return { error };
  }
}
