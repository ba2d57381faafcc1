import { backoffMs } from '../lib/backoff.ts';
import { type Answer, type FinishOutcome, type Generation, isStored } from '../ports/generations.ts';
import type { ModelInfo } from '../ports/inference.ts';
import { ERRORS } from '../protocol/errors.ts';
import { deadLettered, fenced, generationFinished, portFailed } from '../telemetry/events.ts';
import { keepAnswer } from './answer-cache.ts';
import { modelOf } from './ask-model.ts';
import { writeContext } from './conversation-context.ts';
import { askForSummary, keepSummary } from './conversation-summary.ts';
import { askForTitle, keepTitle } from './conversation-title.ts';
import { dispatch, dispatchWindow, jobOf } from './dispatch.ts';
import { priceAnswer } from './price-answer.ts';
import type { Outcome, Run } from './run.ts';
import { settleTerminal } from './settle-terminal.ts';
import { endSharing } from './share-answer.ts';

/** Milliseconds: how long an answer waits for a log that cannot be reached before it is stored without. */
const LOG_PATIENCE_MS = 5_000;
const FINISH_RETRY_MS = 100;
const FINISH_RETRY_MAX_MS = 2_000;
const INTERRUPTED = 'answer_interrupted';

/** Brings log and row to where the outcome leaves them: an answer, or queued again for another attempt. */
export async function concludeRun(run: Run, outcome: Outcome): Promise<void> {
  const { host, writer } = run;
  switch (outcome.kind) {
    case 'lost':
      return;
    case 'retry':
    case 'drained':
      await host.flusher.flush(writer, LOG_PATIENCE_MS);
      await release(run, outcome);
      return;
    case 'done':
      writer.end(outcome.ending);
      break;
    case 'cancelled':
    case 'failed':
    case 'interrupted':
      break;
  }
  await host.flusher.flush(writer, LOG_PATIENCE_MS);
  if (writer.isFenced) return;
  const finished = await store(run, answerOf(run, outcome));
  if (finished?.kind === 'finished') await afterFinish(run, outcome, finished);
  else if (finished) fenced({ generation: writer.held.id, epoch: writer.held.epoch, operation: 'finish' });
}

async function release({ host, writer, generation }: Run, outcome: Extract<Outcome, { kind: 'retry' | 'drained' }>) {
  const how =
    outcome.kind === 'retry'
      ? { delayMs: outcome.delayMs, countAttempt: outcome.countAttempt, error: outcome.error }
      : { delayMs: 0, countAttempt: false };
  const released = await host.ports.generations.release(writer.held, host.owner, how);
  if (released && outcome.kind === 'drained') {
    await dispatch(host.ports, [jobOf(generation)]);
  }
}

type Terminal = Extract<Outcome, { kind: 'done' | 'cancelled' | 'failed' | 'interrupted' }>;

function answerOf(run: Run, outcome: Terminal): Answer {
  const { writer, figures, generation } = run;
  const { startedAt, firstAt, lastAt, trimmed } = figures;
  const done = outcome.kind === 'done' ? outcome.ending : null;
  const usage = done?.usage ?? figures.used;
  const cost = usage && priceAnswer(servingModel(run, done?.model), usage);
  return {
    state: outcome.kind,
    text: writer.text.toString(),
    reasoning: writer.reasoning.toString(),
    epochs: writer.epochs,
    model: done?.model ?? generation.params.model ?? null,
    finishReason: outcome.kind === 'cancelled' ? 'cancelled' : (done?.finishReason ?? null),
    // Of one that was stopped or failed: what was read and written until then.
    usage,
    facts: { ...figures.facts, ...(cost != null && { cost }) },
    prefillMs: firstAt === null ? null : firstAt - startedAt,
    streamMs: firstAt === null || lastAt === null ? null : lastAt - firstAt,
    trimmedMessages: trimmed,
    error: errorOf(outcome),
    deadLetter: isDeadLetter(generation, outcome),
  };
}

/** The price is that of whoever answered; a server may name its model otherwise than the catalogue does. */
function servingModel({ host, generation }: Run, named: string | undefined): ModelInfo | undefined {
  const models = host.ports.inference.models();
  return models.find(({ id }) => id === named) ?? modelOf(models, generation);
}

/** Nobody is left to read a replay of what was not to be stored. */
function isDeadLetter(generation: Generation, outcome: Terminal): boolean {
  const isGivenUp = outcome.kind === 'interrupted' || (outcome.kind === 'failed' && outcome.deadLetter);
  return isGivenUp && isStored(generation);
}

function errorOf(outcome: Terminal): Answer['error'] {
  if (outcome.kind === 'interrupted') return { code: INTERRUPTED, message: ERRORS[INTERRUPTED].message };
  return outcome.kind === 'failed' ? { code: outcome.code, message: messageOf(outcome) } : null;
}

function messageOf({ code, reason }: Extract<Outcome, { kind: 'failed' }>): string {
  return reason === undefined ? ERRORS[code].message : `${ERRORS[code].message} (${reason})`;
}

/** The database may be away: the text is logged, so this waits for it, or leaves it to the next owner. */
async function store({ host, writer, running }: Run, answer: Answer): Promise<FinishOutcome | null> {
  const { generations, clock, line } = host.ports;
  const isLost = () => running.abort.signal.reason === 'lost';
  for (let attempt = 0; !isLost(); attempt += 1) {
    try {
      const window = await dispatchWindow({ line }, host.settings.dispatch);
      return await generations.finish(writer.held, host.owner, answer, window);
    } catch (error) {
      portFailed({ port: 'generations', operation: 'finish', generation: writer.held.id, error });
      if (host.draining) return null;
      await clock.sleep(backoffMs(attempt, FINISH_RETRY_MS, FINISH_RETRY_MAX_MS, clock.random()));
    }
  }
  return null;
}

async function afterFinish(run: Run, outcome: Terminal, finished: Extract<FinishOutcome, { kind: 'finished' }>) {
  const { host, writer, running } = run;
  const { generation, dispatched } = finished;
  running.held = null;
  const { id, lane, attempts, receipt } = generation;
  generationFinished({
    generation: id,
    lane,
    outcome: outcome.kind,
    model: generation.model,
    finishReason: generation.finishReason,
    ms: receipt?.total_ms,
    promptTokens: receipt?.tokens.prompt,
    reusedTokens: receipt?.tokens.reused,
    completionTokens: receipt?.tokens.completion,
    cost: receipt?.cost,
    streamMs: receipt?.stream_ms,
    takeovers: receipt?.takeovers,
  });
  if (isDeadLetter(generation, outcome)) deadLettered({ generation: id, attempts, code: generation.error?.code });
  await settleTerminal(host.ports, host.settings.dispatch, { ...generation, epoch: writer.held.epoch }, dispatched);
  if (outcome.kind === 'done') await keepAnswer(run, outcome.ending);
  if (outcome.kind === 'done') await keepSummary(run);
  if (outcome.kind === 'done') await keepTitle(run);
  await endSharing(run);
  if (outcome.kind === 'done' && outcome.history) {
    await writeContext(host.ports, host.settings.context, generation, outcome.history, writer.text.toString());
    await askForSummary(run, outcome.history);
    await askForTitle(run, outcome.history);
  }
}
