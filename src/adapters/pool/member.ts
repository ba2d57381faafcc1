import {
  type Inference,
  InferenceError,
  type InferenceRequest,
  type InferenceResult,
  type InferenceSink,
} from '../../ports/inference.ts';
import type { ToolCallPart } from '../../protocol/tool-calls.ts';
import { upstreamAnswered, upstreamForgotten, upstreamKnown, upstreamState } from '../../telemetry/events.ts';
import { OutcomeBreaker, type ProbeDelays } from './outcome-breaker.ts';

/** Who answers for a model: a server, or the engine. `name` is shown to operators. */
export type Source = { name: string; inference: Inference };

export type MemberOptions = {
  source: Source;
  /** The model's name there; null: its only one. */
  servedAs: string | null;
  weight: number;
};

/** Milliseconds that a server which takes no more is left alone, where it does not say how long. */
const QUIET_MS = 250;
/** Milliseconds that one which refuses our key, or has no such model, comes last. */
const MISFIT_MS = 10_000;
const PROBE_TIMEOUT_MS = 10_000;
const PROBE: Omit<InferenceRequest, 'model'> = {
  messages: [{ role: 'user', content: 'Hello' }],
  prefix: { text: '', reasoning: '' },
  maxTokens: 1,
  affinity: 'probe',
  lane: 'stream',
};

/** One server as one model's: how much it does, whether it is well, and until when it wants to be left alone. */
export class Member implements Disposable {
  readonly id: number;
  readonly source: Source;
  readonly weight: number;
  /** Answers under way. */
  outstanding = 0;
  readonly #model: string;
  readonly #servedAs: string | null;
  readonly #breaker: OutcomeBreaker;
  #quietUntil = 0;
  #misfitUntil = 0;

  constructor(id: number, model: string, { source, servedAs, weight }: MemberOptions, delays: ProbeDelays) {
    this.id = id;
    this.source = source;
    this.weight = weight;
    this.#model = model;
    this.#servedAs = servedAs;
    this.#breaker = new OutcomeBreaker(
      (signal) => this.#probe(signal),
      delays,
      (isOpen) => upstreamState({ server: source.name, model, isOpen }),
    );
    upstreamKnown({ server: source.name, model });
  }

  isOf({ source, servedAs, weight }: MemberOptions): boolean {
    return source === this.source && servedAs === this.#servedAs && weight === this.weight;
  }

  get isOpen(): boolean {
    return this.#breaker.isOpen;
  }

  /** Milliseconds; 0: it may be asked. */
  get quietMs(): number {
    return Math.max(0, this.#quietUntil - Date.now());
  }

  /** It answers, and not as it should: quick failures must not make it the least loaded. */
  get isMisfit(): boolean {
    return this.#misfitUntil > Date.now();
  }

  get servedAs(): string | undefined {
    return this.#servedAs ?? this.source.inference.models()[0]?.id;
  }

  async generate(request: InferenceRequest, sink: WatchedSink, signal: AbortSignal): Promise<InferenceResult> {
    this.outstanding++;
    try {
      const result = await this.#ask(request, sink, signal);
      this.#heard(null, signal);
      return result;
    } catch (error) {
      this.#heard(error, signal);
      throw error;
    } finally {
      this.outstanding--;
    }
  }

  [Symbol.dispose](): void {
    this.#breaker[Symbol.dispose]();
    upstreamForgotten({ server: this.source.name, model: this.#model });
  }

  async #ask(request: InferenceRequest, sink: InferenceSink, signal: AbortSignal): Promise<InferenceResult> {
    const model = this.servedAs;
    if (model === undefined) throw new InferenceError('unavailable', 'no model is loaded there');
    return await this.source.inference.generate({ ...request, model }, sink, signal);
  }

  #heard(error: unknown, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#breaker.report(error);
    const failure = error instanceof InferenceError ? error : null;
    if (failure) failure.server = this.source.name;
    if (failure?.kind === 'overloaded' || failure?.kind === 'rate_limited') {
      this.#quietUntil = Date.now() + (failure.retryAfterMs ?? QUIET_MS);
    }
    if (isMisfit(error)) this.#misfitUntil = Date.now() + MISFIT_MS;
    const outcome = error ? (failure?.kind ?? 'error') : 'whole';
    upstreamAnswered({ server: this.source.name, model: this.#model, outcome });
  }

  async #probe(signal: AbortSignal): Promise<void> {
    const late = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    try {
      await this.#ask({ ...PROBE, model: this.#model }, new WatchedSink(null), AbortSignal.any([signal, late]));
    } catch (error) {
      if (late.aborted) throw new InferenceError('timeout', 'the probe had no answer', { phase: 'total' });
      throw error;
    }
  }
}

/** The fault is in how this server is set up, so that another may take the same request. */
export function isMisfit(error: unknown): boolean {
  return error instanceof InferenceError && (error.kind === 'auth' || error.kind === 'model_not_found');
}

/** Passes everything on, and knows whether anything was said: a retry would say it twice. */
export class WatchedSink implements InferenceSink {
  hasSpoken = false;
  readonly #sink: InferenceSink | null;
  #isPrompted = false;

  constructor(sink: InferenceSink | null) {
    this.#sink = sink;
  }

  prompted(promptTokens: number, reusedTokens: number): void {
    if (this.#isPrompted) return;
    this.#isPrompted = true;
    this.#sink?.prompted(promptTokens, reusedTokens);
  }

  text(text: string, tokens: number): void {
    this.hasSpoken = true;
    this.#sink?.text(text, tokens);
  }

  reasoning(text: string, tokens: number): void {
    this.hasSpoken = true;
    this.#sink?.reasoning(text, tokens);
  }

  toolCall(part: ToolCallPart, tokens: number): void {
    this.hasSpoken = true;
    this.#sink?.toolCall(part, tokens);
  }
}
