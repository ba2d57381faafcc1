import { ApiError } from '../../../../client/api-error.ts';
import type { ConversationChange, UserApi } from '../../../../client/user-api.ts';
import type { ItemResource, ItemValueResource } from '../../../../src/protocol/resources.ts';
import { errorInWords } from '../../data/in-words.ts';
import type { ImportPlan, PlannedChat } from './plan.ts';

/** What became of a chat. `known`: it was here already. */
export type Outcome = { title: string } & (
  | { kind: 'imported' | 'known'; number: number }
  | { kind: 'failed'; why: string }
);

type Sending = { user: UserApi; signal: AbortSignal; onOutcome(outcome: Outcome): void };

/**
 * One after the other, each whole or not at all. The same file again brings what is missing, and doubles nothing.
 * Rejects where the server cannot be reached: what came so far has been told.
 */
export async function sendChats({ chats, items }: ImportPlan, { user, signal, onOutcome }: Sending): Promise<void> {
  await sendItems(items, user, signal);
  for (const chat of chats) {
    signal.throwIfAborted();
    const { title } = chat.conversation;
    try {
      onOutcome({ title, ...(await sendChat(chat, user, signal)) });
    } catch (error) {
      // Others would fare no better.
      if (!(error instanceof ApiError) || error.status === 401 || error.status >= 500) throw error;
      onOutcome({ title, kind: 'failed', why: errorInWords(error) });
    }
  }
}

async function sendChat({ conversation, after, original }: PlannedChat, user: UserApi, signal: AbortSignal) {
  if (original && (await isStillHere(original, user, signal))) {
    return { kind: 'known' as const, number: original.number };
  }
  const { number, imported } = await patiently(signal, () => user.import(conversation, { signal }));
  if (imported && after) await arrange(user, number, after);
  return { kind: imported ? ('imported' as const) : ('known' as const), number };
}

/** Each for itself: a folder may be gone, a setting be none here. The chat is there all the same. */
async function arrange(user: UserApi, number: number, after: ConversationChange): Promise<void> {
  for (const [name, value] of Object.entries(after)) {
    try {
      await user.change(number, { [name]: value });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status === 401 || error.status >= 500) throw error;
    }
  }
}

async function isStillHere(original: NonNullable<PlannedChat['original']>, user: UserApi, signal: AbortSignal) {
  try {
    return (await user.conversation(original.number, { signal })).created_at === original.created_at;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return false;
    throw error;
  }
}

/** What there is stays as it is. */
async function sendItems(items: readonly ItemResource[], user: UserApi, signal: AbortSignal): Promise<void> {
  if (items.length === 0) return;
  const here = (await user.items({ signal })).items;
  for (const { id, updated_at: _, ...value } of items) {
    signal.throwIfAborted();
    const isHere = here.some((item) => item.id === id || (item.kind === 'defaults' && value.kind === 'defaults'));
    if (isHere) continue;
    try {
      await patiently(signal, () => user.putItem(id, value as ItemValueResource));
    } catch (error) {
      // One that is refused is not worth the chats.
      if (!(error instanceof ApiError) || error.status === 401 || error.status >= 500) throw error;
    }
  }
}

/** Where the server takes so many in a minute, the next minute is waited for. */
async function patiently<T>(signal: AbortSignal, send: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'rate_limited') throw error;
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(resolve, error.retryAfterMs ?? 5_000);
        signal.addEventListener('abort', () => {
          clearTimeout(timer);
          reject(signal.reason);
        });
      });
    }
  }
}
