import { queryOptions, useQuery } from '@tanstack/react-query';
import type { UserApi } from '../../../client/user-api.ts';
import type { ItemResource, ItemValueResource } from '../../../src/protocol/resources.ts';
import { showToast } from '../ui/toasts.tsx';
import { errorInWords } from './in-words.ts';
import { conversationsKey, olderKey } from './queries.ts';
import { queryClient } from './query-client.ts';
import { useSession } from './session-context.ts';
import { words } from './words.ts';

const KEY = ['items'] as const;

export const itemsQuery = (user: UserApi) =>
  queryOptions({
    queryKey: KEY,
    queryFn: async ({ signal }) => (await user.items({ signal })).items,
    staleTime: 30_000,
  });

type Kind = ItemResource['kind'];
export type ItemOf<K extends Kind> = Extract<ItemResource, { kind: K }>;

/** What the person arranged of that kind, oldest first. */
export function useItems<K extends Kind>(kind: K): readonly ItemOf<K>[] {
  const { user } = useSession();
  const items = useQuery(itemsQuery(user)).data ?? [];
  return items.filter((item): item is ItemOf<K> => item.kind === kind);
}

/** On show at once; gone again, with a word why, where the server will not have it. */
export async function putItem(user: UserApi, id: string, value: ItemValueResource): Promise<boolean> {
  const item = { id, updated_at: new Date().toISOString(), ...value };
  return await changed(
    (items) =>
      items.some((each) => each.id === id) ? items.map((each) => (each.id === id ? item : each)) : [...items, item],
    () => user.putItem(id, value),
  );
}

export async function removeItem(user: UserApi, id: string): Promise<boolean> {
  return await changed(
    (items) => items.filter((item) => item.id !== id),
    () => user.removeItem(id),
  );
}

async function changed(change: (items: ItemResource[]) => ItemResource[], tell: () => Promise<void>): Promise<boolean> {
  const before = queryClient.getQueryData<ItemResource[]>(KEY);
  queryClient.setQueryData<ItemResource[]>(KEY, (items) => items && change(items));
  try {
    await tell();
    return true;
  } catch (error) {
    queryClient.setQueryData(KEY, before);
    showToast({ text: words.notKept({ why: errorInWords(error) }), bad: true });
    return false;
  } finally {
    void queryClient.invalidateQueries({ queryKey: KEY });
    void queryClient.invalidateQueries({ queryKey: conversationsKey });
    void queryClient.invalidateQueries({ queryKey: olderKey });
  }
}

/** `crypto.randomUUID` is missing on pages that came over plain HTTP from another machine. */
export function newItemId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
