import { availableParallelism, cpus } from 'node:os';

/** Watches how many cores this process could have: those that are idle, and those it uses itself. */
export class IdleCores {
  #last = read();
  /** Until the first second is over nothing is known to be idle. */
  #idle = 0;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
    this.#timer.unref();
  }

  get count(): number {
    return Math.min(this.#idle, availableParallelism());
  }

  #sample(): void {
    const now = read();
    const wall = now.at - this.#last.at;
    this.#idle = (now.idleMs - this.#last.idleMs + now.ownMs - this.#last.ownMs) / wall;
    this.#last = now;
  }
}

const SAMPLE_MS = 1000;

function read(): { at: number; idleMs: number; ownMs: number } {
  const { user, system } = process.cpuUsage();
  const idleMs = cpus().reduce((sum, { times }) => sum + times.idle, 0);
  return { at: performance.now(), idleMs, ownMs: (user + system) / 1000 };
}
