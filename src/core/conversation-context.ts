import type { Cache } from '../ports/cache.ts';
import type { Conversations } from '../ports/conversations.ts';
import type { ConversationId, Generation, MessageId, Question } from '../ports/generations.ts';
import { ChatError } from '../protocol/errors.ts';
import { splitToolCalls } from '../protocol/tool-calls.ts';
import { cacheLookedUp } from '../telemetry/events.ts';

export type ContextPorts = { cache: Cache; conversations: Conversations };

/** Messages read for a prompt at most, and how long a conversation's context stays cached. */
export type ContextSettings = { historyMessages: number; contextTtlMs: number };

/** One turn of the branch, by the id of the message. */
export type HistoryMessage = { id: MessageId; role: 'user' | 'assistant'; content: string };

type Entry = { last: string; messages: HistoryMessage[] };

export const contextKey = (conversationId: ConversationId) => `context:${conversationId}`;

/** The branch that this generation answers, oldest first. `question`: its last, where that is known already. */
export async function readContext(
  ports: ContextPorts,
  settings: ContextSettings,
  generation: Generation,
  question: Question | null,
): Promise<readonly HistoryMessage[]> {
  const { userId, conversationId, requestMessageId } = generation;
  const own = (content: string): HistoryMessage => ({ id: requestMessageId, role: 'user', content });
  if (question?.parentId === null) return [own(question.content)];
  const cached = await readEntry(ports.cache, contextKey(conversationId));
  if (cached) {
    const request = question ?? (await ports.conversations.message(userId, requestMessageId));
    if (request?.parentId === cached.last) {
      cacheLookedUp({ cache: 'context', isHit: true });
      return [...cached.messages, own(request.content)];
    }
  }
  cacheLookedUp({ cache: 'context', isHit: false });
  const history = await ports.conversations.history(userId, conversationId, requestMessageId, settings.historyMessages);
  if (history.length === 0) throw new ChatError('conversation_not_found');
  return history.map(wordsOf);
}

/** After an answer is stored: the branch up to and including it. */
export async function writeContext(
  ports: ContextPorts,
  settings: ContextSettings,
  generation: Generation,
  history: readonly HistoryMessage[],
  answer: string,
): Promise<void> {
  const messages = [...history, wordsOf({ id: generation.id, role: 'assistant', content: answer })].slice(
    -settings.historyMessages,
  );
  const entry: Entry = { last: generation.id, messages };
  await ports.cache.set(
    contextKey(generation.conversationId),
    new TextEncoder().encode(JSON.stringify(entry)),
    settings.contextTtlMs,
  );
}

/** Whoever talks on in the conversation has none of the functions that an answer may have asked for. */
function wordsOf({ id, role, content }: HistoryMessage): HistoryMessage {
  return { id, role, content: role === 'assistant' ? splitToolCalls(content).text : content };
}

async function readEntry(cache: Cache, name: string): Promise<Entry | null> {
  const bytes = await cache.get(name);
  return bytes ? (JSON.parse(new TextDecoder().decode(bytes)) as Entry) : null;
}
