import type { InfiniteData } from '@tanstack/react-query';
import { ApiError } from '../../../client/api-error.ts';
import type { Session } from '../../../client/create-client.ts';
import type { MessagePage } from '../../../client/user-api.ts';
import type { ConversationResource } from '../../../src/protocol/resources.ts';
import { conversationKey, conversationsKey, messagesKey, olderKey } from './queries.ts';
import { queryClient } from './query-client.ts';
import { currentSettings, KEPT_CHATS } from './settings.ts';

/**
 * What was read, for when there is no server: the last chats that somebody opened, of whom is signed in and of
 * nobody else, in this browser. Never temporary ones. Where browsers have no such store (plain HTTP from another
 * machine) nothing is kept.
 */
const STORE = 'chatterbot-chats';
const SESSION = '/kept/session';
const CHATS = '/kept/chats/';
/** Of each chat, newest first. */
const KEPT_PAGES = 4;

type Messages = InfiniteData<MessagePage, unknown>;
type KeptChat = { conversation: ConversationResource; pages: MessagePage[] };

const isOn = (): boolean => 'caches' in window && currentSettings().keepChats;
const addressOf = (number: number): string => CHATS + number;

async function put(address: string, value: unknown): Promise<void> {
  await (await caches.open(STORE)).put(address, Response.json(value));
}

async function read<T>(address: string | Request): Promise<T | null> {
  const response = await (await caches.open(STORE)).match(address);
  return response ? ((await response.json()) as T) : null;
}

export async function forgetKept(): Promise<void> {
  if ('caches' in window) await caches.delete(STORE);
}

export async function forgetKeptChat(number: number): Promise<void> {
  if ('caches' in window) await (await caches.open(STORE)).delete(addressOf(number));
}

const isSamePerson = (a: Session, b: Session): boolean => a.workspace === b.workspace && a.user_id === b.user_id;

/** From now on it is kept for them; what was of somebody else is erased first. */
export async function keepFor(session: Session): Promise<void> {
  if (!isOn()) return;
  const before = await read<Session>(SESSION);
  if (before && !isSamePerson(before, session)) await forgetKept();
  await put(SESSION, session);
}

/** What comes from the server is kept as it comes. Returns how to end that. */
export function keepWhatIsRead(): () => void {
  for (const { queryKey, state } of queryClient.getQueryCache().findAll({ queryKey: ['messages'] })) {
    if (state.dataUpdatedAt > 0) void keepChat(Number(queryKey[1]));
  }
  return queryClient.getQueryCache().subscribe((event) => {
    if (event.type !== 'updated') return;
    const [kind, number] = event.query.queryKey;
    if ((kind !== 'messages' && kind !== 'conversation') || typeof number !== 'number') return;
    const { action } = event;
    if (action.type === 'success' && !action.manual) void keepChat(number);
    const gone = action.type === 'error' && action.error instanceof ApiError && action.error.status === 404;
    if (gone) void forgetKeptChat(number);
  });
}

async function keepChat(number: number): Promise<void> {
  const conversation = queryClient.getQueryData<ConversationResource>(conversationKey(number));
  const messages = queryClient.getQueryData<Messages>(messagesKey(number, null));
  // Until it is known whether it is temporary it is not kept.
  if (!isOn() || !conversation || conversation.temporary || !messages) return;
  const pages = messages.pages.slice(0, KEPT_PAGES);
  await put(addressOf(number), { conversation, pages } satisfies KeptChat);
  const store = await caches.open(STORE);
  const kept = (await store.keys()).filter(({ url }) => new URL(url).pathname.startsWith(CHATS));
  await Promise.all(kept.slice(0, -KEPT_CHATS).map((oldest) => store.delete(oldest)));
}

/** Puts what is kept in place of what the server would say; null where nobody was signed in here. */
export async function restoreKept(): Promise<Session | null> {
  if (!isOn()) return null;
  const session = await read<Session>(SESSION);
  if (!session) return null;
  const store = await caches.open(STORE);
  const addresses = (await store.keys()).filter(({ url }) => new URL(url).pathname.startsWith(CHATS));
  const chats = (await Promise.all(addresses.map((address) => read<KeptChat>(address)))).filter(
    (chat) => chat !== null,
  );
  for (const kind of ['messages', 'conversation']) queryClient.setQueryDefaults([kind], { gcTime: Infinity });
  for (const { conversation, pages } of chats) {
    putOld(conversationKey(conversation.number), conversation);
    putOld(messagesKey(conversation.number, null), asMessages(pages));
  }
  // Folders are not known here: their chats are listed by date.
  const listed = chats
    .map(({ conversation }) => ({ ...conversation, folder: null }))
    .toSorted((a, b) => b.updated_at.localeCompare(a.updated_at));
  putOld([...conversationsKey, 'newest'], listed);
  putOld(
    [...conversationsKey, 'pinned'],
    listed.filter(({ pinned }) => pinned),
  );
  putOld(olderKey, { pages: [{ items: [], next: null }], pageParams: [undefined] });
  return session;
}

/** What is known already is newer. */
function putOld<T>(key: readonly unknown[], data: T): void {
  queryClient.setQueryData<T>(key, (known) => known ?? data, { updatedAt: 0 });
}

function asMessages(pages: readonly MessagePage[]): Messages {
  return {
    pages: pages.map((page, at) => (at === pages.length - 1 ? { ...page, next: null } : page)),
    pageParams: pages.map((_, at) => pages[at - 1]?.next ?? undefined),
  };
}
