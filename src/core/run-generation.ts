import type { ClaimOutcome, Generation, GenerationJob } from '../ports/generations.ts';
import type { Ending } from '../ports/token-log.ts';
import { fenced, generationClaimed, portFailed, takenOver } from '../telemetry/events.ts';
import { AnswerWriter } from './answer-writer.ts';
import { askModel, modelOf } from './ask-model.ts';
import { claimGeneration } from './claim-generation.ts';
import { concludeRun } from './conclude-run.ts';
import { canGoOn } from './go-on.ts';
import type { Host, Outcome, Run, RunEnd, Running } from './run.ts';
import { settleTerminal } from './settle-terminal.ts';

/** While none is loaded nothing is thrown away: it is asked again once one is. */
const UNKNOWN_MODEL = { continues: true, continuesReasoning: true };
const SETTLED: RunEnd = { kind: 'settled' };

/** Claim, ask, conclude. Rejects only where a port did; what is left then is recovered from the row. */
export async function runGeneration(host: Host, job: GenerationJob, running: Running): Promise<RunEnd> {
  const { ports, settings } = host;
  const outcome = await claimGeneration(ports, job, host.owner);
  switch (outcome.kind) {
    case 'claimed':
      void serveTicket(host, job, outcome.generation);
      await runClaimed(host, outcome, running);
      return SETTLED;
    case 'terminal':
      void serveTicket(host, job, outcome.generation);
      await settleTerminal(ports, settings.dispatch, outcome.generation);
      return SETTLED;
    case 'not-due':
      return { kind: 'again', delayMs: outcome.delayMs };
    case 'moving':
      return { kind: 'again', delayMs: settings.retryDelayMs };
    // A living owner has it, another of its conversation runs, or it is gone: the sweeper sees to the rest.
    case 'owned':
    case 'conversation-busy':
    case 'unknown':
      return SETTLED;
  }
}

async function runClaimed(
  host: Host,
  claimed: Extract<ClaimOutcome, { kind: 'claimed' }>,
  running: Running,
): Promise<void> {
  const { generation } = claimed;
  const startedAt = host.ports.clock.now();
  generationClaimed({
    generation: generation.id,
    lane: generation.lane,
    epoch: generation.epoch,
    ms: (generation.claimedAt ?? generation.createdAt) - generation.createdAt,
    predictedMs: generation.params.predictedWaitMs,
  });
  running.held = { id: generation.id, userId: generation.userId, epoch: generation.epoch };
  const opened = await openLog(host, generation, running);
  if (!opened) return;
  const { writer, ending } = opened;
  if (generation.epoch > 1) {
    takenOver({ generation: generation.id, epoch: writer.held.epoch, bytes: writer.length.text });
  }
  const run: Run = {
    host,
    generation,
    prompt: claimed.prompt ?? null,
    question: claimed.question ?? null,
    running,
    writer,
    asked: null,
    figures: { startedAt, firstAt: null, lastAt: null, trimmed: 0, used: null, facts: {} },
  };
  await concludeRun(run, withoutAsking(run, ending) ?? (await askModel(run)));
}

/** A finished answer is only stored; a model asked to go on with one would add to it. */
function withoutAsking({ host, generation, running, writer }: Run, ending: Ending | null): Outcome | null {
  if (ending) return { kind: 'done', ending, history: null };
  if (generation.stopRequested) return { kind: 'cancelled' };
  if (running.givenUp !== null) {
    return { kind: 'failed', code: 'generation_failed', deadLetter: true, reason: running.givenUp };
  }
  if (isSpent(host, generation)) {
    const hasText = writer.length.text + writer.length.reasoning > 0;
    return hasText ? { kind: 'interrupted' } : { kind: 'failed', code: 'generation_failed', deadLetter: true };
  }
  // What kills whoever runs it would else be taken over for ever.
  if (generation.takeovers > host.settings.maxTakeovers) {
    const reason = `${generation.takeovers} processes died or hung over it`;
    return { kind: 'failed', code: 'generation_failed', deadLetter: true, reason };
  }
  return null;
}

/** No more attempts: no model is asked. */
function isSpent({ settings }: Host, { attempts }: Generation): boolean {
  return attempts > settings.maxAttempts;
}

/**
 * Opens the log above every epoch that it knows, continuing what it holds where the model can go on from
 * a prefix and starting again where it cannot. Null: this process no longer holds the generation.
 */
async function openLog(
  host: Host,
  generation: Generation,
  running: Running,
): Promise<{ writer: AnswerWriter; ending: Ending | null } | null> {
  const { log, generations, inference } = host.ports;
  const model = modelOf(inference.models(), generation) ?? UNKNOWN_MODEL;
  let held = running.held!;
  let fresh = false;
  for (;;) {
    const opened = await log.open(held.id, held.epoch, { kind: fresh ? 'fresh' : 'continue' });
    if (opened.kind === 'opened') {
      const written = { text: opened.text.length, reasoning: opened.reasoning.length };
      if (
        canGoOn(model, generation.params, written) ||
        opened.ending ||
        generation.stopRequested ||
        isSpent(host, generation)
      ) {
        return { writer: new AnswerWriter(held, opened), ending: opened.ending };
      }
      fresh = true;
    }
    const standing = opened.kind === 'refused' ? opened.epoch : held.epoch;
    const epoch = await generations.raiseEpoch(held, host.owner, standing);
    if (epoch === null) {
      fenced({ generation: held.id, epoch: held.epoch, operation: 'open', standingEpoch: standing });
      return null;
    }
    held = { ...held, epoch };
    running.held = held;
  }
}

async function serveTicket(host: Host, job: GenerationJob, { lane, ticket: kept, params }: Generation): Promise<void> {
  const ticket = job.ticket ?? kept;
  if (ticket === null) return;
  await host.ports.line.serve(lane, ticket, params.maxTokens).catch((error: unknown) => {
    portFailed({ port: 'line', operation: 'serve', error });
  });
}
