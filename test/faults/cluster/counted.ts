import { setTimeout as sleep } from 'node:timers/promises';
import { call } from '../../support/http-client.ts';

const METRICS = {
  fenced: 'chat_fenced_total',
  leasesLost: 'chat_leases_lost_total',
  takeovers: 'chat_takeovers_total',
} as const;
type Name = keyof typeof METRICS;
export type Counts = Record<Name, number>;
const NAMES = Object.keys(METRICS) as Name[];
const countsOf = (count: (name: Name) => number) =>
  Object.fromEntries(NAMES.map((name) => [name, count(name)])) as Counts;
const LOOK_MS = 300;

/** Sums of what workers count, who begin at zero whenever they are started again. */
export class Counted implements AsyncDisposable {
  readonly #addresses: readonly string[];
  readonly #last = new Map<string, Counts>();
  readonly #sum: Counts = countsOf(() => 0);
  readonly #leaving = new AbortController();
  readonly #looking: Promise<void>;

  constructor(addresses: readonly string[]) {
    this.#addresses = addresses;
    this.#looking = this.#keepLooking();
  }

  async #keepLooking(): Promise<void> {
    while (!this.#leaving.signal.aborted) {
      await this.#look();
      await sleep(LOOK_MS, undefined, { signal: this.#leaving.signal }).catch(() => {});
    }
  }

  async #look(): Promise<void> {
    for (const address of this.#addresses) {
      const reply = await call(address, 'GET', '/metrics', { signal: AbortSignal.timeout(2_000) }).catch(() => null);
      if (reply?.status !== 200) continue;
      const before = this.#last.get(address) ?? countsOf(() => 0);
      const now = countsOf((name) => sumOf(reply.text, METRICS[name]));
      this.#last.set(address, now);
      for (const name of NAMES) {
        this.#sum[name] += now[name] < before[name] ? now[name] : now[name] - before[name];
      }
    }
  }

  async counts(): Promise<Counts> {
    await this.#look();
    return { ...this.#sum };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leaving.abort();
    await this.#looking;
  }
}

function sumOf(text: string, metric: string): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${metric} `) || line.startsWith(`${metric}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
