import {
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleAll,
  type IBreaker,
  SamplingBreaker,
} from 'cockatiel';
import { InferenceError, type InferenceErrorKind } from '../../ports/inference.ts';

/** Opens where half of the answers of so many milliseconds failed, at so many a second or more … */
const SAMPLED = { threshold: 0.5, duration: 10_000, minimumRps: 0.5 };
/** … or so many in a row, however seldom anybody asks. */
const IN_A_ROW = 3;

/** Milliseconds until it is looked at again, at first and at most. */
export type ProbeDelays = { first: number; longest: number };

/** What says that the server is ill; a refusal is an answer of a healthy one. */
const ILLNESSES: readonly InferenceErrorKind[] = ['unavailable', 'engine', 'stream_cut', 'timeout'];

/**
 * A breaker that sees how answers end, not that they began. Once open, nobody's request is risked: `probe` asks for
 * one token, by itself, until that succeeds.
 */
export class OutcomeBreaker implements Disposable {
  readonly #breaker: CircuitBreakerPolicy;
  readonly #life = new AbortController();
  readonly #probe: (signal: AbortSignal) => Promise<void>;

  constructor(probe: (signal: AbortSignal) => Promise<void>, delays: ProbeDelays, onChange: (isOpen: boolean) => void) {
    this.#probe = probe;
    let probes = 0;
    this.#breaker = circuitBreaker(handleAll, {
      breaker: new EitherBreaker([new SamplingBreaker(SAMPLED), new ConsecutiveBreaker(IN_A_ROW)]),
      // The timer below decides when; this only has to let it through.
      halfOpenAfter: 0,
    });
    this.#breaker.onBreak(() => {
      if (probes === 0) onChange(true);
      this.#probeIn(Math.min(delays.longest, delays.first * 2 ** probes++));
    });
    this.#breaker.onReset(() => {
      probes = 0;
      onChange(false);
    });
  }

  get isOpen(): boolean {
    return this.#breaker.state !== CircuitState.Closed;
  }

  /** How an answer ended: null where it was whole. */
  report(error: unknown): void {
    // Given up by its caller, it says nothing of the server.
    if (this.isOpen || (error && !(error instanceof InferenceError))) return;
    const outcome = this.#breaker.execute(() => (isIllness(error) ? Promise.reject(error) : Promise.resolve()));
    outcome.catch(() => undefined);
  }

  [Symbol.dispose](): void {
    this.#life.abort();
  }

  #probeIn(delayMs: number): void {
    const { signal } = this.#life;
    const timer = setTimeout(() => {
      this.#breaker
        .execute(() =>
          this.#probe(signal).catch((error: unknown) => (isIllness(error) ? Promise.reject(error) : undefined)),
        )
        .catch(() => undefined);
    }, delayMs);
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }
}

/** Opens as soon as one of them would. */
class EitherBreaker implements IBreaker {
  state: unknown;
  readonly #breakers: readonly IBreaker[];

  constructor(breakers: readonly IBreaker[]) {
    this.#breakers = breakers;
  }

  success(state: CircuitState): void {
    for (const breaker of this.#breakers) breaker.success(state);
  }

  failure(state: CircuitState): boolean {
    return this.#breakers.map((breaker) => breaker.failure(state)).includes(true);
  }
}

function isIllness(error: unknown): boolean {
  return error instanceof InferenceError && ILLNESSES.includes(error.kind);
}
