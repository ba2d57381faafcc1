import type { Generation, GenerationId } from '../ports/generations.ts';
import type { ModelInfo } from '../ports/inference.ts';
import { isTerminal } from '../protocol/generation.ts';
import { START } from '../protocol/position.ts';
import { portFailed } from '../telemetry/events.ts';
import { followGeneration } from './follow-generation.ts';
import { goesOnBehind } from './go-on.ts';
import type { Outcome, Run } from './run.ts';
import { writeAnswer } from './write-answer.ts';

/** How long a generation is known as the one that answers; milliseconds. Whoever goes on with it is the same one. */
const KNOWN_MS = 10 * 60_000;
/** As of a reader over HTTP. */
const FOLLOW = { watchdogMs: 3_000, maxBufferedBytes: 64 * 1024 };
/** Somebody else's that is not written any more after this is waited for no longer; milliseconds. */
const SILENCE_MS = 30_000;

const flightKey = (key: string) => `flight:${key}`;

/**
 * Where the caller allows it and the same request is being answered already: its answer is written here too, as it
 * comes where the model could go on with it, and otherwise once it is whole. Null: this one is to ask
 * the model, going on with what is written by then, and others may share what it says.
 */
export async function answerFromAnother(run: Run, model: ModelInfo): Promise<Outcome | null> {
  const { asked, generation, writer, host } = run;
  if (!asked || generation.params.cache !== true) return null;
  if (writer.text.length + writer.reasoning.length > 0) return null;
  const other = await leaderOf(run, flightKey(asked.key));
  if (!other) return null;
  const patience = new AbortController();
  const signal = AbortSignal.any([run.running.abort.signal, patience.signal]);
  const progress = watchSilence(run, patience, signal);
  const held = { text: '', reasoning: '' };
  const give = (channel: 'text' | 'reasoning') => {
    if (held[channel] !== '') writeAnswer(run, channel, held[channel]);
    held[channel] = '';
  };
  try {
    for await (const event of followGeneration(host.ports, FOLLOW, other, START, signal)) {
      if (event.kind === 'text' || event.kind === 'reasoning') {
        held[event.kind] += event.text;
        if (goesOnBehind(event.kind, model, generation.params)) {
          give('reasoning');
          give('text');
        }
      }
      // It lost its place, or began again.
      if (event.kind === 'waiting' || event.kind === 'rewind') break;
      if (event.kind === 'ended') {
        const whole = wholeAnswer(run, event.generation);
        if (whole) {
          give('reasoning');
          give('text');
        }
        return whole;
      }
      progress.said();
    }
  } catch (error) {
    if (run.running.abort.signal.aborted) throw error;
    if (!patience.signal.aborted) portFailed({ port: 'log', operation: 'share', generation: generation.id, error });
  } finally {
    progress.end();
  }
  return null;
}

/** Others ask by themselves from now on, or find the answer in the cache. */
export async function endSharing({ asked, generation, host, figures }: Run): Promise<void> {
  if (!asked || generation.params.cache !== true || figures.facts.source !== undefined) return;
  await host.ports.cache.delete(flightKey(asked.key));
}

/** Who answers the same request at this moment; null: this generation does, and is known for it. */
async function leaderOf(run: Run, key: string): Promise<Generation | null> {
  const { cache, generations } = run.host.ports;
  const own = new TextEncoder().encode(run.generation.id);
  const known = await cache.add(key, own, KNOWN_MS);
  const id: GenerationId | null = known && new TextDecoder().decode(known);
  if (id === null || id === run.generation.id) return null;
  const other = await generations.find(id);
  if (other?.state === 'running' && other.workspaceId === run.generation.workspaceId) return other;
  // One that ended, or went back into its line, is none to wait for: it might wait for this one's slot.
  if (!other || isTerminal(other.state)) await cache.set(key, own, KNOWN_MS);
  return null;
}

function wholeAnswer(run: Run, other: Generation): Outcome | null {
  const { state, finishReason, model } = other;
  if (state !== 'done' || finishReason === null || finishReason === 'cancelled' || model === null) return null;
  run.figures.facts.source = 'shared';
  const usage = { promptTokens: 0, reusedTokens: 0, completionTokens: 0 };
  return { kind: 'done', ending: { finishReason, model, usage }, history: run.asked!.history };
}

/** Gives up after so long without a word, until it is ended. */
function watchSilence(run: Run, patience: AbortController, signal: AbortSignal): { said(): void; end(): void } {
  const over = new AbortController();
  const { clock } = run.host.ports;
  let heard = true;
  const watch = async () => {
    while (heard) {
      heard = false;
      await clock.sleep(SILENCE_MS, AbortSignal.any([over.signal, signal]));
    }
    patience.abort();
  };
  watch().catch(() => {});
  return {
    said() {
      heard = true;
    },
    end: () => over.abort(),
  };
}
