import { type InfiniteData, useQuery } from '@tanstack/react-query';
import type { ConversationChange, UserApi } from '../../../client/user-api.ts';
import type { ConversationResource, Page } from '../../../src/protocol/resources.ts';
import { createStore } from '../lib/store.ts';
import { closeToast, showToast } from '../ui/toasts.tsx';
import { common } from '../ui/words.ts';
import { errorInWords } from './in-words.ts';
import { refreshConversations } from './message-cache.ts';
import { conversationKey, conversationQuery, conversationsKey, olderKey } from './queries.ts';
import { queryClient } from './query-client.ts';
import { navigate } from './router.ts';
import { useSession } from './session-context.ts';
import { words } from './words.ts';

const ARCHIVED_KEY = ['archived conversations'];
const UNDO_MS = 6_000;

/** On show at once; back as it was, with a word why, where the server will not have it. */
export async function changeConversation(
  user: UserApi,
  before: ConversationResource,
  change: ConversationChange,
): Promise<void> {
  put(before.number, change);
  try {
    await user.change(before.number, change);
  } catch (error) {
    put(before.number, before);
    const said = change.title === undefined ? words.staysAsItWas : words.keepsName;
    showToast({ text: said({ title: before.title, why: errorInWords(error) }), bad: true });
  }
  refreshConversations(before.number);
}

/** Out of the list, with the way back. */
export function archiveConversation(user: UserApi, conversation: ConversationResource): void {
  void changeConversation(user, conversation, { archived: true });
  showToast({
    text: words.archived({ title: conversation.title }),
    action: {
      label: common.undo,
      run: () => void changeConversation(user, { ...conversation, archived: true }, { archived: false }),
    },
  });
}

function put(number: number, change: Partial<ConversationResource>): void {
  const changed = (item: ConversationResource): ConversationResource =>
    item.number === number ? { ...item, ...change } : item;
  queryClient.setQueryData<ConversationResource>(conversationKey(number), (data) => data && changed(data));
  queryClient.setQueriesData<ConversationResource[]>({ queryKey: conversationsKey }, (data) => data?.map(changed));
  for (const key of [olderKey, ARCHIVED_KEY]) {
    queryClient.setQueryData<InfiniteData<Page<ConversationResource>>>(
      key,
      (data) => data && { ...data, pages: data.pages.map((page) => ({ ...page, items: page.items.map(changed) })) },
    );
  }
}

const deleted = createStore<ReadonlySet<number>>(new Set());

function setDeleted(change: (numbers: Set<number>) => void): void {
  const next = new Set(deleted.get());
  change(next);
  deleted.set(next);
}

/** Numbers that are not to be shown: deleted, or about to be. */
export const useDeleted = deleted.use;

/** Gone from the page at once, from the server when nobody has undone it for a while or the page is left. */
export function deleteConversation(user: UserApi, conversation: ConversationResource, current: boolean): void {
  const { number, title } = conversation;
  const back = location.pathname + location.search;
  let open = true;
  setDeleted((numbers) => numbers.add(number));
  if (current) navigate('/');
  const settle = (): void => {
    open = false;
    clearTimeout(timer);
    window.removeEventListener('pagehide', leave);
    closeToast(toast);
  };
  const restore = (): void => setDeleted((numbers) => numbers.delete(number));
  async function remove(keepalive: boolean): Promise<void> {
    if (!open) return;
    settle();
    try {
      await user.remove(number, { keepalive });
      queryClient.removeQueries({ queryKey: ['messages', number] });
      void import('./kept-chats.ts').then(({ forgetKeptChat }) => forgetKeptChat(number));
      refreshConversations(number);
    } catch (error) {
      restore();
      showToast({ text: words.stillHere({ title, why: errorInWords(error) }), bad: true });
    }
  }
  const leave = (): void => void remove(true);
  const timer = setTimeout(() => void remove(false), UNDO_MS);
  window.addEventListener('pagehide', leave);
  const toast = showToast({
    text: words.deleted({ title }),
    stays: true,
    action: {
      label: common.undo,
      run() {
        settle();
        restore();
        if (current) navigate(back);
      },
    },
  });
}

/** The conversation on show; null where there is none. */
export function useConversation(number: number | null): ConversationResource | null {
  const { user } = useSession();
  return useQuery({ ...conversationQuery(user, number ?? 0), enabled: number !== null }).data ?? null;
}
