import type { InfiniteData } from '@tanstack/react-query';
import type { MessagePage } from '../../../client/user-api.ts';
import { isTerminal } from '../../../src/protocol/generation.ts';
import type { GenerationResource, MessageResource } from '../../../src/protocol/resources.ts';
import { conversationKey, conversationsKey, MESSAGES_A_PAGE, messagesKey } from './queries.ts';
import { queryClient } from './query-client.ts';

type Pages = InfiniteData<MessagePage, unknown>;

/** Oldest first, as they are read. */
export function inReadingOrder(pages: Pages | undefined): MessageResource[] {
  return pages ? pages.pages.flatMap((page) => page.items).reverse() : [];
}

/**
 * What the server just accepted, put where it will be found once asked for: nothing flickers between the
 * acceptance and the next page. `shown` is the branch up to where the new messages begin.
 */
export function putAccepted(
  shown: readonly MessageResource[],
  accepted: GenerationResource,
  question: string | null,
  others: readonly GenerationResource[] = [],
): void {
  const now = new Date().toISOString();
  const blank = { reasoning: '', model: null, finish_reason: null, receipt: null, feedback: null, created_at: now };
  const parent = shown.at(-1)?.id ?? null;
  const added: MessageResource[] = [];
  if (question !== null) {
    const id = accepted.request_message_id;
    added.push({ ...blank, id, parent_id: parent, role: 'user', content: question, state: 'done', siblings: [id] });
  }
  const state = isTerminal(accepted.state) ? 'queued' : accepted.state;
  added.push({
    ...blank,
    id: accepted.id,
    parent_id: accepted.request_message_id,
    role: 'assistant',
    content: '',
    state,
    siblings: [accepted, ...others].map(({ id }) => id).sort(),
  });
  queryClient.setQueryData<Pages>(messagesKey(accepted.conversation, null), (before) => {
    // Older pages still to be loaded stay so: the last page knows where they begin.
    const next = before?.pages.at(-1)?.next ?? null;
    return asPages([...shown, ...added].reverse(), next);
  });
  void queryClient.invalidateQueries({ queryKey: messagesKey(accepted.conversation, null) });
  refreshConversations(accepted.conversation);
}

/** The list at the side and the title. */
export function refreshConversations(number: number): void {
  void queryClient.invalidateQueries({ queryKey: conversationsKey });
  void queryClient.invalidateQueries({ queryKey: conversationKey(number) });
}

/** As many pages as were read, so that as many are read again. */
function asPages(items: MessageResource[], next: string | null): Pages {
  const count = Math.max(1, Math.ceil(items.length / MESSAGES_A_PAGE));
  const pages = Array.from({ length: count }, (_, page) => ({
    items: items.slice(page * MESSAGES_A_PAGE, (page + 1) * MESSAGES_A_PAGE),
    next: page === count - 1 ? next : (items[(page + 1) * MESSAGES_A_PAGE - 1]?.id ?? null),
  }));
  return { pages, pageParams: pages.map(() => undefined) };
}

/** The stored form of an answer replaces the live one wherever it is on show. */
export async function answerEnded(id: string): Promise<void> {
  const holds = (data: unknown): boolean =>
    inReadingOrder(data as Pages | undefined).some((message) => message.id === id);
  await Promise.all([
    queryClient.invalidateQueries({ queryKey: ['messages'], predicate: (query) => holds(query.state.data) }),
    queryClient.invalidateQueries({ queryKey: conversationsKey }),
    queryClient.invalidateQueries({ queryKey: ['conversation'] }),
  ]);
}

export function changeMessage(number: number, id: string, change: Partial<MessageResource>): void {
  queryClient.setQueriesData<Pages>({ queryKey: ['messages', number] }, (before) =>
    before
      ? {
          ...before,
          pages: before.pages.map((page) => ({
            ...page,
            items: page.items.map((item) => (item.id === id ? { ...item, ...change } : item)),
          })),
        }
      : before,
  );
}
