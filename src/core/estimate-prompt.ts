import { guessTokens } from '../lib/guess-tokens.ts';
import type { Conversations } from '../ports/conversations.ts';
import type { UserId } from '../ports/generations.ts';
import type { Inference, ModelInfo } from '../ports/inference.ts';
import type { GenerationParams } from '../protocol/generation.ts';
import type { MessageRequest } from './message-request.ts';

type Ports = { inference: Inference; conversations: Conversations };

/**
 * Most tokens that the answer to a request can use, before it is accepted: what the model will read, as far as that
 * is known now, and all that it may write. Never more than fits the model's window.
 */
export async function estimateTokens(
  ports: Ports,
  request: MessageRequest,
  params: GenerationParams,
  userId: UserId,
  historyMessages: number,
): Promise<number> {
  const model = ports.inference.models().find(({ id }) => id === params.model);
  const texts = request.prompt
    ? request.prompt.map((message) => (message.role === 'assistant' ? JSON.stringify(message) : message.content))
    : await conversationTexts(ports, request, userId, historyMessages);
  const around = [
    params.systemPrompt ?? model?.systemPrompt ?? '',
    ...(params.context ?? []),
    params.tools ? JSON.stringify(params.tools) : '',
  ];
  const counts = await countTexts(ports.inference, model, [...texts, ...around]);
  const read = counts.reduce((sum, count) => sum + count, texts.length * (model?.tokensPerMessage ?? 0));
  return Math.min(read + params.maxTokens, model?.contextWindow ?? Number.MAX_SAFE_INTEGER);
}

/** Of the branch that it goes on with, as its prompt will have them. */
async function conversationTexts(
  { conversations }: Ports,
  { conversation, request }: MessageRequest,
  userId: UserId,
  limit: number,
): Promise<string[]> {
  const own = request.kind === 'message' ? [request.content] : [];
  if (typeof conversation !== 'number') return own;
  const leaf = request.kind === 'message' ? request.parentId : request.messageId;
  if (leaf === null) return own;
  const branch = await conversations.branch(userId, conversation, { limit, ...(leaf !== undefined && { leaf }) });
  return [...(branch ?? []).map(({ content }) => content), ...own];
}

/** Where nobody here can count, a guess on the high side. */
export async function countTexts(
  inference: Inference,
  model: ModelInfo | undefined,
  texts: readonly string[],
): Promise<readonly number[]> {
  if (!model) return texts.map(guessTokens);
  return await inference.countTokens(model.id, texts).catch(() => texts.map(guessTokens));
}
