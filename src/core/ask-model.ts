import { decorrelatedBackoffMs } from '../lib/backoff.ts';
import type { Generation } from '../ports/generations.ts';
import { InferenceError, type InferenceSink, type ModelInfo } from '../ports/inference.ts';
import { ChatError } from '../protocol/errors.ts';
import type { Usage } from '../protocol/generation.ts';
import { modelParamsOf } from '../protocol/model-params.ts';
import { encodeToolCallPart, withoutSeparators } from '../protocol/tool-calls.ts';
import { answerContinued, portFailed } from '../telemetry/events.ts';
import { answerFromCache, askedOf, prepareKeeping, standInAnswer } from './answer-cache.ts';
import { readContext } from './conversation-context.ts';
import { summaryReader } from './conversation-summary.ts';
import { type Course, lesserAfter, relieveLine, take } from './degrade.ts';
import { canGoOn } from './go-on.ts';
import { buildPrompt, givenPrompt } from './prompt.ts';
import type { Interruption, Outcome, Run } from './run.ts';
import { answerFromAnother } from './share-answer.ts';
import { writeAnswer } from './write-answer.ts';

/** Times that a run goes on at once with an answer that broke off; later ones wait, as any attempt does. */
const MOST_CONTINUATIONS = 2;

/** Milliseconds: how long a run keeps its slot while no model can be asked, and between two looks. */
const MODEL_PATIENCE_MS = 30_000;
const MODEL_POLL_MS = 250;

/**
 * The model that a generation is for; the default where that one was taken out of service after it was
 * accepted. Undefined while none is loaded.
 */
export function modelOf(models: readonly ModelInfo[], generation: Generation): ModelInfo | undefined {
  return models.find((model) => model.id === generation.params.model) ?? models[0];
}

/**
 * Asks the model, its text going to the writer as it comes; waits a while where none can be asked, since
 * whoever came next would find the same. Never rejects.
 */
export async function askModel(run: Run): Promise<Outcome> {
  const asking: Asking = {
    course: null,
    avoid: [],
    isAway: false,
    patientUntil: run.host.ports.clock.now() + MODEL_PATIENCE_MS,
  };
  for (;;) {
    const before = run.writer.length;
    try {
      return await ask(run, asking);
    } catch (error) {
      const wrote = run.writer.length.text + run.writer.length.reasoning > before.text + before.reasoning;
      const outcome = await afterFailure(run, asking, error, wrote);
      if (outcome !== 'again') return outcome;
    }
  }
}

type Asking = {
  /** Null until a model is loaded. */
  course: Course | null;
  /** Servers that this answer broke off at, once for each time. */
  avoid: string[];
  /** No model could be asked; a stand-in was looked for. */
  isAway: boolean;
  patientUntil: number;
};

/** `wrote`: the call that failed had begun to answer. */
async function afterFailure(run: Run, asking: Asking, error: unknown, wrote: boolean): Promise<Outcome | 'again'> {
  const { clock } = run.host.ports;
  const { signal } = run.running.abort;
  if (signal.aborted) return outcomeOf(run, error);
  if (wrote && goesOn(run, asking, error)) return 'again';
  if (isUnavailable(error) && !asking.isAway) {
    asking.isAway = true;
    const standIn = await standInAnswer(run);
    if (standIn) return standIn;
  }
  const lesser = asking.course ? lesserAfter(run, asking.course, error) : ({ kind: 'none' } as const);
  if (lesser.kind === 'lesser') {
    asking.course = take(run, lesser);
    return 'again';
  }
  if (lesser.kind === 'refused') return { kind: 'failed', code: 'model_unavailable', deadLetter: false };
  if (!isUnavailable(error) || clock.now() >= asking.patientUntil) return outcomeOf(run, error);
  await clock.sleep(MODEL_POLL_MS, signal).catch(() => {});
  return signal.aborted ? outcomeOf(run, error) : 'again';
}

/** Whether an answer that broke off is continued at once, behind what is written, at another server where there is one. */
function goesOn({ generation, writer }: Run, { course, avoid }: Asking, error: unknown): boolean {
  const isCut = error instanceof InferenceError && error.retryable && error.phase !== 'total';
  if (!course || !isCut || avoid.length >= MOST_CONTINUATIONS) return false;
  if (!canGoOn(course.model, generation.params, writer.length)) return false;
  avoid.push(error.server ?? '');
  answerContinued({ generation: generation.id, model: course.model.id, server: error.server, error });
  return true;
}

async function ask(run: Run, asking: Asking): Promise<Outcome> {
  const { host, generation, writer } = run;
  const { signal } = run.running.abort;
  const { inference } = host.ports;
  signal.throwIfAborted();
  const wanted = modelOf(inference.models(), generation);
  if (!wanted) throw new InferenceError('unavailable', 'no model is loaded');
  asking.course ??= await relieveLine(run, { model: wanted, windowShare: 1 });
  const { model, windowShare } = asking.course;
  if (!canGoOn(model, generation.params, writer.length)) throw new InferenceError('stream_cut', 'it is to begin again');
  const before = writer.text.length + writer.reasoning.length;
  const prefix = { text: writer.text.toString(), reasoning: writer.reasoning.toString() };
  const { params } = generation;
  const frame = { model, prefix: prefix.reasoning + prefix.text, maxTokens: params.maxTokens, windowShare };
  const history = run.prompt ? null : await readContext(host.ports, host.settings.context, generation, run.question);
  const prompt = history
    ? await buildPrompt(
        { inference },
        {
          ...frame,
          history,
          context: params.context ?? [],
          systemPrompt: params.systemPrompt,
          readSummary: summaryReader(run),
        },
        signal,
      )
    : await givenPrompt({ inference }, { ...frame, messages: run.prompt!, tools: params.tools ?? [] }, signal);
  run.figures.trimmed = prompt.trimmed;
  if (prompt.summarised > 0) run.figures.facts.summarised = prompt.summarised;
  if (prompt.maxTokens === 0) {
    const usage = { promptTokens: 0, reusedTokens: 0, completionTokens: prompt.prefixTokens };
    return { kind: 'done', ending: { finishReason: 'length', usage, model: model.id }, history };
  }
  // What another model began is nobody's answer to this request.
  run.asked = before > 0 && model !== wanted ? null : askedOf(run, model, prompt.messages, history);
  const known = (run.asked?.mayServe && (await answerFromCache(run))) || (await answerFromAnother(run, model));
  if (known) return known;
  void prepareKeeping(run);
  // Of an answer that it shared some is written: the model goes on from there.
  if (writer.text.length + writer.reasoning.length > before) return await ask(run, asking);
  const result = await inference.generate(
    {
      model: model.id,
      messages: prompt.messages,
      prefix,
      ...modelParamsOf(params),
      maxTokens: prompt.maxTokens,
      affinity: generation.conversationId,
      lane: generation.lane,
      id: generation.id,
      workspace: generation.workspaceId,
      avoid: asking.avoid,
    },
    sinkOf(run, prompt.prefixTokens),
    signal,
  );
  const { finishReason } = result;
  return {
    kind: 'done',
    ending: { finishReason, model: result.model, usage: usageOf(result.usage, prompt.prefixTokens) },
    history,
  };
}

function sinkOf(run: Run, prefixTokens: number): InferenceSink {
  const { figures } = run;
  const write = (channel: 'text' | 'reasoning', text: string, tokens: number) => {
    if (figures.used) figures.used.completionTokens += tokens;
    writeAnswer(run, channel, text);
  };
  return {
    prompted(promptTokens, reusedTokens) {
      figures.used = usageOf({ promptTokens, reusedTokens, completionTokens: 0 }, prefixTokens);
    },
    text: (text, tokens) => write('text', withoutSeparators(text), tokens),
    reasoning: (text, tokens) => write('reasoning', text, tokens),
    toolCall: (part, tokens) => write('text', encodeToolCallPart(part), tokens),
  };
}

/** Of the whole answer: what was written before a takeover was read back as part of the prompt. */
function usageOf(usage: Usage, prefixTokens: number): Usage {
  return {
    promptTokens: Math.max(0, usage.promptTokens - prefixTokens),
    reusedTokens: usage.reusedTokens,
    completionTokens: usage.completionTokens + prefixTokens,
  };
}

function isOverflow(error: unknown): boolean {
  return error instanceof InferenceError && error.kind === 'context_overflow';
}

function isUnavailable(error: unknown): boolean {
  return error instanceof InferenceError && error.kind === 'unavailable';
}

/** What the same request may survive later is tried again, from the text that is logged by then. */
function outcomeOf(run: Run, error: unknown): Outcome {
  const { signal } = run.running.abort;
  if (signal.aborted) return interrupted(signal.reason as Interruption);
  const { generation, host } = run;
  // Deleted while it waited.
  if (error instanceof ChatError && error.code === 'conversation_not_found') return { kind: 'cancelled' };
  if (isOverflow(error) || (error instanceof ChatError && error.code === 'context_too_long')) {
    return { kind: 'failed', code: 'context_too_long', deadLetter: false };
  }
  // Whoever brings the messages and their form may hear that a model does not take them.
  if (run.prompt && error instanceof InferenceError && error.kind === 'bad_request') {
    portFailed({ port: 'inference', operation: 'generate', generation: generation.id, error });
    return { kind: 'failed', code: 'request_refused', deadLetter: false };
  }
  portFailed({ port: 'inference', operation: 'generate', generation: generation.id, error });
  if (error instanceof InferenceError && !error.retryable) {
    return { kind: 'failed', code: 'generation_failed', deadLetter: true };
  }
  const { retryDelayMs, retryDelayMaxMs } = host.settings;
  const chance = () => host.ports.clock.random();
  const delay = decorrelatedBackoffMs(generation.attempts, retryDelayMs, retryDelayMaxMs, chance);
  const asked = error instanceof InferenceError ? (error.retryAfterMs ?? 0) : 0;
  return {
    kind: 'retry',
    delayMs: Math.max(delay, asked),
    // Without a model it was never tried: what was accepted waits, however long that takes.
    countAttempt: !isUnavailable(error),
    error: error instanceof Error ? error.message : String(error),
  };
}

function interrupted(why: Interruption): Outcome {
  if (why === 'stop') return { kind: 'cancelled' };
  return { kind: why === 'drain' ? 'drained' : 'lost' };
}
