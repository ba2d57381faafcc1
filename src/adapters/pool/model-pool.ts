import {
  InferenceError,
  type InferenceRequest,
  type InferenceResult,
  type InferenceSink,
} from '../../ports/inference.ts';
import { upstreamRetried } from '../../telemetry/events.ts';
import { chooseMember } from './choose-member.ts';
import { isMisfit, Member, type MemberOptions, WatchedSink } from './member.ts';
import type { ProbeDelays } from './outcome-breaker.ts';
import type { RetryBudget } from './retry-budget.ts';

/** Milliseconds after which a request that is still without a word is tried nowhere else: one server's patience, and half. */
export const RETRY_WITHIN_MS = 90_000;
/** Servers that one request is tried at, before anything of its answer was said. */
const MOST_TRIES = 3;

type PoolTerms = {
  budget: RetryBudget;
  delays: ProbeDelays;
  retryWithinMs: number;
  before?: ModelPool | undefined;
};

/** The servers of one model. */
export class ModelPool implements Disposable {
  readonly members: readonly Member[];
  readonly #budget: RetryBudget;
  readonly #retryWithinMs: number;

  /** `before`: whose servers are taken over where they are still among them, and left otherwise. */
  constructor(model: string, members: readonly MemberOptions[], { budget, delays, retryWithinMs, before }: PoolTerms) {
    const known = before?.members ?? [];
    for (const member of known) if (!members.some((options) => member.isOf(options))) member[Symbol.dispose]();
    let nextId = Math.max(-1, ...known.map(({ id }) => id)) + 1;
    this.members = members.map(
      (options) => known.find((each) => each.isOf(options)) ?? new Member(nextId++, model, options, delays),
    );
    this.#budget = budget;
    this.#retryWithinMs = retryWithinMs;
  }

  /** Undefined while every server is away. */
  get available(): Member | undefined {
    return this.members.find(({ isOpen }) => !isOpen);
  }

  /** As {@link Inference.generate}; until the first word, a failure is another server's turn. */
  async generate(request: InferenceRequest, sink: InferenceSink, signal: AbortSignal): Promise<InferenceResult> {
    signal.throwIfAborted();
    this.#budget.deposit();
    const watched = new WatchedSink(sink);
    const tried = new Set<Member>();
    const until = performance.now() + this.#retryWithinMs;
    let failure: unknown;
    while (tried.size < MOST_TRIES) {
      const member = this.#choose(request, tried);
      if (!member || (failure && (performance.now() > until || !this.#mayRetry(request)))) break;
      tried.add(member);
      try {
        return await member.generate(request, watched, signal);
      } catch (error) {
        if (signal.aborted || watched.hasSpoken || !isWorthAnother(error)) throw error;
        failure = error;
      }
    }
    throw failure ?? this.#nobody();
  }

  [Symbol.dispose](): void {
    for (const member of this.members) member[Symbol.dispose]();
  }

  #choose({ affinity, avoid = [] }: InferenceRequest, tried: ReadonlySet<Member>): Member | undefined {
    const able = this.members.filter((member) => !member.isOpen && member.quietMs === 0 && !tried.has(member));
    const best = able.filter(({ source, isMisfit }) => !isMisfit && !avoid.includes(source.name));
    return chooseMember(best.length > 0 ? best : able, affinity, Math.random);
  }

  #mayRetry({ model }: InferenceRequest): boolean {
    const isPaid = this.#budget.withdraw();
    upstreamRetried({ model, result: isPaid ? 'retried' : 'budget-spent' });
    return isPaid;
  }

  #nobody(): InferenceError {
    const quiet = this.members.filter(({ isOpen }) => !isOpen).map(({ quietMs }) => quietMs);
    if (quiet.length === 0) return new InferenceError('unavailable', 'every server of this model is left out');
    return new InferenceError('overloaded', 'every server of this model asked to be left alone', {
      retryAfterMs: Math.min(...quiet),
    });
  }
}

function isWorthAnother(error: unknown): boolean {
  return error instanceof InferenceError && (error.retryable || isMisfit(error));
}
