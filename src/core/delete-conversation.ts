import type { Cache } from '../ports/cache.ts';
import type { Conversations } from '../ports/conversations.ts';
import type { UserId } from '../ports/generations.ts';
import { ChatError } from '../protocol/errors.ts';
import { sealKeyName } from './answer-cache.ts';
import { contextKey } from './conversation-context.ts';
import { summaryKey } from './conversation-summary.ts';
import { type StopPorts, type StopSettings, stopKnown } from './stop-generation.ts';

/** Hides a conversation for good and stops what still answers in it. Throws `conversation_not_found`. */
export async function deleteConversation(
  ports: StopPorts & { conversations: Conversations; cache: Cache },
  settings: StopSettings,
  userId: UserId,
  number: number,
): Promise<void> {
  const conversation = await ports.conversations.get(userId, number);
  const unfinished = conversation && (await ports.conversations.remove(userId, number));
  if (!conversation || !unfinished) throw new ChatError('conversation_not_found');
  await ports.cache.delete(contextKey(conversation.id));
  await ports.cache.delete(summaryKey(conversation.id));
  await ports.cache.delete(sealKeyName(conversation.id));
  await Promise.all(unfinished.map((id) => stopKnown(ports, settings, { id, userId })));
}
