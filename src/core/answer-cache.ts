import { newSealKey, seal, unseal } from '../lib/sealed-text.ts';
import { sha256 } from '../lib/sha256.ts';
import type { Cache } from '../ports/cache.ts';
import { type ConversationId, type Generation, isStored, type UserId } from '../ports/generations.ts';
import type { ModelInfo } from '../ports/inference.ts';
import type { Ending } from '../ports/token-log.ts';
import type { ChatMessage } from '../protocol/chat-message.ts';
import type { AnswerSource, Usage } from '../protocol/generation.ts';
import { modelParamsOf } from '../protocol/model-params.ts';
import { cacheLookedUp } from '../telemetry/events.ts';
import type { HistoryMessage } from './conversation-context.ts';
import type { Asked, Outcome, Run } from './run.ts';
import { writeAnswer } from './write-answer.ts';

type Entry = { text: string; reasoning: string; ending: Pick<Ending, 'finishReason' | 'model'> };

const NOTHING: Usage = { promptTokens: 0, reusedTokens: 0, completionTokens: 0 };
/** Changes whenever an answer would be another for the same request. */
const VERSION = 2;

/**
 * What an entry is sealed with: a key of the conversation, or of the user where none is stored, whose answer it is;
 * which one stands beside it. Without the key, after the deletion of either or once it is lost, nobody can read the
 * entry.
 */
export const sealKeyName = (owner: ConversationId | UserId) => `answer-key:${owner}`;
/** Milliseconds; after it an owner's answers are kept under another. */
const SEAL_KEY_MS = 30 * 24 * 60 * 60_000;
/** Between an entry's owner and what is sealed. */
const NEWLINE = 10;

const ownerOf = (generation: Generation) => (isStored(generation) ? generation.conversationId : generation.userId);

/** Null: the cache is off, or the caller wants none of it. */
export function askedOf(
  run: Run,
  model: ModelInfo,
  messages: readonly ChatMessage[],
  history: readonly HistoryMessage[] | null,
): Asked | null {
  const { answerCache } = run.host.settings;
  const { params, workspaceId } = run.generation;
  if (!answerCache || params.cache === false) return null;
  const request = [VERSION, model.id, params.maxTokens, modelParamsOf(params), messages];
  const mayServe = params.cache === true || answerCache.serves === 'all' || isDeterministic(run.generation, model);
  return { key: `answer:${workspaceId}:${sha256(JSON.stringify(request))}`, history, mayServe };
}

/** The answer that the same request was given before, written as if it came now. Null: there is none. */
export async function answerFromCache(run: Run, source: AnswerSource = 'cache'): Promise<Outcome | null> {
  const { asked, host, writer } = run;
  if (!asked) return null;
  const entry = await readEntry(host.ports.cache, asked.key);
  const has = { text: writer.text.toString(), reasoning: writer.reasoning.toString() };
  // What a takeover found written cannot be taken back.
  const isHit = entry !== null && goesOnFrom(entry, has);
  cacheLookedUp({ cache: 'answer', isHit });
  if (!isHit) return null;
  for (const channel of ['reasoning', 'text'] as const) {
    const rest = entry[channel].slice(has[channel].length);
    if (rest !== '') writeAnswer(run, channel, rest);
  }
  run.figures.facts.source = source;
  return { kind: 'done', ending: { ...entry.ending, usage: NOTHING }, history: asked.history };
}

/**
 * For when no model can be asked: an answer that the same request was given before, also where it was sampled then.
 * Null: there is none, or the caller wants none.
 */
export function standInAnswer(run: Run): Promise<Outcome | null> {
  return answerFromCache(run, 'stand-in');
}

/**
 * Before the model is asked, while the user is there for sure: an answer is kept only under a key that is there by
 * then, so that none comes back behind a deletion.
 */
export async function prepareKeeping({ asked, host, generation }: Run): Promise<void> {
  if (asked) await host.ports.cache.add(sealKeyName(ownerOf(generation)), newSealKey(), SEAL_KEY_MS);
}

/** Of a whole answer that a model has just given. */
export async function keepAnswer({ asked, host, writer, figures, generation }: Run, ending: Ending): Promise<void> {
  const { answerCache } = host.settings;
  const { cache } = host.ports;
  if (!asked || !answerCache || figures.facts.source !== undefined) return;
  if (writer.text.length + writer.reasoning.length > answerCache.maxBytes) return;
  const { finishReason, model } = ending;
  const entry: Entry = {
    text: writer.text.toString(),
    reasoning: writer.reasoning.toString(),
    ending: { finishReason, model },
  };
  const key = await cache.get(sealKeyName(ownerOf(generation)));
  if (!key) return;
  const owner = new TextEncoder().encode(`${ownerOf(generation)}\n`);
  const sealed = seal(key, JSON.stringify(entry));
  const bytes = new Uint8Array(owner.length + sealed.length);
  bytes.set(owner);
  bytes.set(sealed, owner.length);
  await cache.set(asked.key, bytes, answerCache.ttlMs);
}

async function readEntry(cache: Cache, name: string): Promise<Entry | null> {
  const bytes = await cache.get(name);
  if (!bytes) return null;
  const ownerEnds = bytes.indexOf(NEWLINE);
  const owner = new TextDecoder().decode(bytes.subarray(0, ownerEnds));
  const key = await cache.get(sealKeyName(owner));
  const text = key && unseal(key, bytes.subarray(ownerEnds + 1));
  return text === null ? null : (JSON.parse(text) as Entry);
}

function goesOnFrom(entry: Entry, has: { text: string; reasoning: string }): boolean {
  if (has.text !== '' && has.reasoning !== entry.reasoning) return false;
  return entry.text.startsWith(has.text) && entry.reasoning.startsWith(has.reasoning);
}

function isDeterministic({ params }: Generation, model: ModelInfo): boolean {
  return params.seed !== undefined || (params.temperature ?? model.defaultTemperature) === 0;
}
