import type { Generation } from '../ports/generations.ts';
import { InferenceError, type ModelInfo } from '../ports/inference.ts';
import type { WaitingLine } from '../ports/waiting-line.ts';
import type { Degradation, DegradationReason } from '../protocol/generation.ts';
import { answerDegraded } from '../telemetry/events.ts';
import { canGoOn } from './go-on.ts';
import { predictWait } from './predict-wait.ts';
import type { Run } from './run.ts';

/** Share of the model's window that is used where it has refused a prompt as too long, and where time is short. */
const [OVERFLOWED_WINDOW, HURRIED_WINDOW] = [0.7, 0.5];

/** With which model, and how much of its window, a run asks; and what that is less than was wanted. */
export type Course = { model: ModelInfo; windowShare: number };

/** What the course is changed to, or why it is not: it may not be, or there is nothing less. */
export type Lesser = { kind: 'lesser'; course: Course; degradation: Degradation } | { kind: 'refused' | 'none' };

/** Milliseconds that somebody who comes now would wait in the lane; null where no rate is known. */
async function predictedWaitMs(ports: { line: WaitingLine }, { lane }: Generation): Promise<number | null> {
  const view = await ports.line.look(lane);
  const ahead = view.drawn - view.served;
  // The rate is that of those who came: where nobody waits it tells nothing of what could be done.
  if (ahead <= 0) return 0;
  const seconds = predictWait(view, ahead);
  return seconds === null ? null : seconds * 1000;
}

/** Where the line is longer than is wanted, each answer takes less, so that it gets shorter. */
export async function relieveLine(run: Run, course: Course): Promise<Course> {
  const { generation, host } = run;
  const target = host.settings.degradeAboveMs;
  // Nobody waits for a batch, and who insists on the model has waited for it.
  if (!target || generation.lane === 'batch' || generation.params.allowDegraded === false) return course;
  const wait = await predictedWaitMs(host.ports, generation).catch(() => null);
  if (wait === null || wait <= target) return course;
  const lesser = lesserOf(run, course, 'predicted_wait');
  return lesser.kind === 'lesser' ? take(run, lesser) : course;
}

/** After the model could not answer: the lighter one, or less of the conversation. */
export function lesserAfter(run: Run, course: Course, error: unknown): Lesser {
  const reason = reasonOf(error);
  return reason === null ? { kind: 'none' } : lesserOf(run, course, reason);
}

/** Writes down that it is done, for the receipt. */
export function take(run: Run, { course, degradation }: Extract<Lesser, { kind: 'lesser' }>): Course {
  const { generation, figures } = run;
  figures.facts.degraded = [...(figures.facts.degraded ?? []), degradation];
  answerDegraded({ generation: generation.id, lane: generation.lane, ...degradation });
  return course;
}

function lesserOf(run: Run, course: Course, reason: DegradationReason): Lesser {
  if (reason === 'context_overflow') return smallerContext(course, reason, OVERFLOWED_WINDOW);
  const lighter = lighterModel(run, course.model);
  const lesser: Lesser = lighter
    ? {
        kind: 'lesser',
        course: { ...course, model: lighter },
        degradation: { what: 'model', from: course.model.id, to: lighter.id, reason },
      }
    : hurriedContext(run, course, reason);
  return lesser.kind === 'lesser' && run.generation.params.allowDegraded === false ? { kind: 'refused' } : lesser;
}

/** A prompt of half the length is read in half the time. What the request brought itself is not cut. */
function hurriedContext(run: Run, course: Course, reason: DegradationReason): Lesser {
  const helps = reason === 'predicted_wait' || reason === 'first_token_timeout';
  return helps && !run.prompt ? smallerContext(course, reason, HURRIED_WINDOW) : { kind: 'none' };
}

function smallerContext(course: Course, reason: DegradationReason, share: number): Lesser {
  const { model, windowShare } = course;
  if (windowShare <= share) return { kind: 'none' };
  const tokens = (part: number) => `${Math.floor(model.contextWindow * part)}`;
  return {
    kind: 'lesser',
    course: { model, windowShare: share },
    degradation: { what: 'context', from: tokens(windowShare), to: tokens(share), reason },
  };
}

/** The next of its fallbacks that can do what is asked for, and go on with what is already written. */
function lighterModel({ host, generation, writer }: Run, from: ModelInfo): ModelInfo | null {
  const models = host.ports.inference.models();
  const suits = (model: ModelInfo) => canDo(model, generation) && canGoOn(model, generation.params, writer.length);
  const seen = new Set([from.id]);
  let next = models.find(({ id }) => id === from.fallback);
  while (next && !suits(next)) {
    seen.add(next.id);
    const { fallback } = next;
    next = models.find(({ id }) => id === fallback && !seen.has(id));
  }
  return next ?? null;
}

function canDo({ capabilities }: ModelInfo, { params }: Generation): boolean {
  const format = params.responseFormat?.kind ?? 'text';
  const wantsTools = (params.tools ?? []).length > 0 && params.toolChoice !== 'none';
  return !(wantsTools && capabilities?.tools === false) && !(format !== 'text' && capabilities?.jsonSchema === false);
}

/** Null: asking for less would not help. */
function reasonOf(error: unknown): DegradationReason | null {
  if (!(error instanceof InferenceError)) return null;
  switch (error.kind) {
    case 'context_overflow':
      return 'context_overflow';
    case 'overloaded':
    case 'rate_limited':
      return 'overloaded';
    case 'timeout':
      if (error.phase === 'first-token') return 'first_token_timeout';
      return error.phase === 'connect' ? 'unavailable' : null;
    case 'unavailable':
      return error.server === undefined ? 'breaker_open' : 'unavailable';
    default:
      return null;
  }
}
