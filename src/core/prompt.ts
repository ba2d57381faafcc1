import type { Inference, ModelInfo } from '../ports/inference.ts';
import type { ChatMessage } from '../protocol/chat-message.ts';
import { ChatError } from '../protocol/errors.ts';
import type { Tool } from '../protocol/model-params.ts';
import type { HistoryMessage } from './conversation-context.ts';
import type { Summary } from './conversation-summary.ts';

export type Prompt = {
  messages: readonly ChatMessage[];
  /** New tokens that fit behind the prompt and the prefix, at most what was asked for. */
  maxTokens: number;
  prefixTokens: number;
  /** Older messages that were left out, and of those the ones that a summary stands in for. */
  trimmed: number;
  summarised: number;
};

export type PromptInput = {
  model: ModelInfo;
  /** Oldest first; the last is the one to answer. */
  history: readonly HistoryMessage[];
  context: readonly string[];
  /** Instead of the model's own. */
  systemPrompt?: string | undefined;
  /** What was already answered before a takeover, all channels. */
  prefix: string;
  /** Tokens of the whole answer, prefix included. */
  maxTokens: number;
  /** Share of the window that may be used: below 1 after the model has refused a prompt as too long. */
  windowShare: number;
  /** Of what fell out, where there is one; asked only where something did. */
  readSummary?: (() => Promise<Summary | null>) | undefined;
};

const SUMMARY_INTRO = 'The conversation began before what follows. In short:';

/** Tokens kept for the model's own frame around the messages. */
const FRAME_TOKENS = 16;
const LEAST_ANSWER_TOKENS = 16;
/** Of a UTF-16 unit, which is three bytes at most: no vocabulary that the models have needs more than one for a byte. */
const MOST_TOKENS_PER_UNIT = 3;

/**
 * The messages that the model reads: the system prompt and the newest turns, by real token counts, as
 * many as fit beside the answer. A summary stands in for what does not, where there is one. Throws
 * `context_too_long` where the newest alone does not fit.
 */
export async function buildPrompt(
  ports: { inference: Inference },
  input: PromptInput,
  signal: AbortSignal,
): Promise<Prompt> {
  const plain = await fitWindow(ports, input, null, signal);
  const summary = plain.trimmed > 0 ? await input.readSummary?.() : null;
  if (!summary) return plain;
  const covered = spoken(input.history).findIndex(({ id }) => id === summary.upTo) + 1;
  if (covered === 0) return plain;
  try {
    const prompt = await fitWindow(ports, input, summary.text, signal);
    return { ...prompt, summarised: Math.min(covered, prompt.trimmed) };
  } catch (error) {
    // It leaves no room for the newest message.
    if (error instanceof ChatError && error.code === 'context_too_long') return plain;
    throw error;
  }
}

async function fitWindow(
  ports: { inference: Inference },
  input: PromptInput,
  summary: string | null,
  signal: AbortSignal,
): Promise<Prompt> {
  const { model } = input;
  const before = [input.systemPrompt ?? model.systemPrompt, summary && `${SUMMARY_INTRO} ${summary}`].filter(
    (text) => text != null,
  );
  const system: ChatMessage[] = before.length > 0 ? [{ role: 'system', content: before.join('\n\n') }] : [];
  const turns = withContext(spoken(input.history), input.context);
  const texts = [...system, ...turns].map((message) => message.content);
  const room = model.contextWindow * input.windowShare - FRAME_TOKENS - input.maxTokens;
  const counts = await boundOrCount(ports, model, [...texts, input.prefix], room, signal);
  const prefixTokens = input.prefix === '' ? 0 : counts.at(-1)!;
  const cost = (index: number) => counts[index]! + model.tokensPerMessage;

  const window = Math.floor(model.contextWindow * input.windowShare) - FRAME_TOKENS;
  const fixed = system.reduce((sum, _, index) => sum + cost(index), 0) + cost(texts.length - 1) + prefixTokens;
  const wanted = Math.max(0, input.maxTokens - prefixTokens);
  if (fixed + Math.min(wanted, LEAST_ANSWER_TOKENS) > window) throw new ChatError('context_too_long');

  const answer = Math.min(wanted, Math.max(LEAST_ANSWER_TOKENS, Math.floor(window / 2)), window - fixed);
  let used = fixed;
  let first = turns.length - 1;
  while (first > 0 && used + cost(system.length + first - 1) + answer <= window) {
    first -= 1;
    used += cost(system.length + first);
  }
  return {
    messages: [...system, ...turns.slice(first)],
    maxTokens: Math.min(wanted, window - used),
    prefixTokens,
    trimmed: first,
    summarised: 0,
  };
}

/**
 * The tokens of each text, the prefix last. Where all of them fit into `room` however they are counted, and there is
 * no prefix whose tokens are told, nobody is asked: most that they can be says the same.
 */
async function boundOrCount(
  ports: { inference: Inference },
  model: ModelInfo,
  texts: readonly string[],
  room: number,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const bounds = texts.map((text) => text.length * MOST_TOKENS_PER_UNIT);
  const most = bounds.reduce((sum, bound) => sum + bound + model.tokensPerMessage, 0);
  if (texts.at(-1) === '' && most <= room) return bounds;
  return await ports.inference.countTokens(model.id, texts, signal);
}

function spoken(history: readonly HistoryMessage[]): readonly HistoryMessage[] {
  return history.filter(({ content }) => content !== '');
}

export type GivenPromptInput = Pick<PromptInput, 'model' | 'prefix' | 'maxTokens' | 'windowShare'> & {
  messages: readonly ChatMessage[];
  tools: readonly Tool[];
};

/** The messages exactly as they were given. Throws `context_too_long` where they do not fit: what to leave out is the caller's to say. */
export async function givenPrompt(
  ports: { inference: Inference },
  { model, messages, tools, prefix, maxTokens, windowShare }: GivenPromptInput,
  signal: AbortSignal,
): Promise<Prompt> {
  const texts = messages.map((message) =>
    message.role === 'assistant' && message.toolCalls
      ? message.content + JSON.stringify(message.toolCalls)
      : message.content,
  );
  const described = tools.length > 0 ? JSON.stringify(tools) : '';
  const left = model.contextWindow * windowShare - FRAME_TOKENS - maxTokens;
  const counts = await boundOrCount(ports, model, [...texts, described, prefix], left, signal);
  const prefixTokens = prefix === '' ? 0 : counts.at(-1)!;
  const used = counts.slice(0, -1).reduce((sum, count) => sum + count, messages.length * model.tokensPerMessage);
  const wanted = Math.max(0, maxTokens - prefixTokens);
  const room = Math.floor(model.contextWindow * windowShare) - FRAME_TOKENS - used - prefixTokens;
  if (room < Math.min(wanted, LEAST_ANSWER_TOKENS)) throw new ChatError('context_too_long');
  return { messages, maxTokens: Math.min(wanted, room), prefixTokens, trimmed: 0, summarised: 0 };
}

/** Text that the model is to know goes right before the message it belongs to: every chat form allows that. */
function withContext(history: readonly HistoryMessage[], context: readonly string[]): ChatMessage[] {
  const turns = history.map(({ role, content }) => ({ role, content }));
  const newest = turns.at(-1);
  if (newest && context.length > 0) newest.content = [...context, newest.content].join('\n\n');
  return turns;
}
