import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import type { UserApi } from '../../../client/user-api.ts';
import { client } from './client.ts';

export const MESSAGES_A_PAGE = 50;
const CONVERSATIONS_A_PAGE = 50;
const PINNED_AT_MOST = 100;
const FOLDER_AT_MOST = 100;
/** While something is being answered elsewhere, its dot and title change without us. */
const REFRESH_MS = 3_000;

export const modelsQuery = queryOptions({
  queryKey: ['models'],
  queryFn: async ({ signal }) => (await client.models({ signal })).items,
  staleTime: 60_000,
  // A model that is still being loaded appears by itself.
  refetchInterval: (query) => (query.state.data?.length === 0 ? REFRESH_MS : false),
});

/** What changes while one looks: the newest, and the pinned ones. */
export const conversationsKey = ['conversations'] as const;

export const newestQuery = (user: UserApi) =>
  queryOptions({
    queryKey: [...conversationsKey, 'newest'],
    queryFn: async ({ signal }) =>
      (await user.conversations({ limit: CONVERSATIONS_A_PAGE, archived: false }, { signal })).items,
    refetchInterval: (query) => (query.state.data?.some((item) => item.answering) ? REFRESH_MS : false),
  });

/** All of them, as far as somebody has scrolled. Read once: what moved up since is among the newest. */
export const olderKey = ['older conversations'] as const;

export const olderQuery = (user: UserApi) =>
  infiniteQueryOptions({
    queryKey: olderKey,
    queryFn: ({ pageParam, signal }) =>
      user.conversations({ limit: CONVERSATIONS_A_PAGE, after: pageParam, archived: false }, { signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    staleTime: Number.POSITIVE_INFINITY,
  });

export const pinnedQuery = (user: UserApi) =>
  queryOptions({
    queryKey: [...conversationsKey, 'pinned'],
    queryFn: async ({ signal }) =>
      (await user.conversations({ limit: PINNED_AT_MOST, pinned: true, archived: false }, { signal })).items,
  });

/** Of an open folder. */
export const folderQuery = (user: UserApi, folder: string) =>
  queryOptions({
    queryKey: [...conversationsKey, 'folder', folder],
    queryFn: async ({ signal }) =>
      (await user.conversations({ limit: FOLDER_AT_MOST, folder, archived: false }, { signal })).items,
  });

export const archivedQuery = (user: UserApi) =>
  infiniteQueryOptions({
    queryKey: ['archived conversations'],
    queryFn: ({ pageParam, signal }) =>
      user.conversations({ limit: CONVERSATIONS_A_PAGE, after: pageParam, archived: true }, { signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    staleTime: 0,
  });

export const conversationKey = (number: number) => ['conversation', number] as const;

export const conversationQuery = (user: UserApi, number: number) =>
  queryOptions({
    queryKey: conversationKey(number),
    queryFn: ({ signal }) => user.conversation(number, { signal }),
  });

export const messagesKey = (number: number, through: string | null) => ['messages', number, through] as const;

/** Pages newest first, as the server has them. */
export const messagesQuery = (user: UserApi, number: number, through: string | null) =>
  infiniteQueryOptions({
    queryKey: messagesKey(number, through),
    queryFn: ({ pageParam, signal }) =>
      user.messages(number, { limit: MESSAGES_A_PAGE, before: pageParam, through: through ?? undefined }, { signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
  });

export const searchQuery = (user: UserApi, words: string) =>
  queryOptions({
    queryKey: ['search', words],
    queryFn: async ({ signal }) => (await user.search(words, { signal, limit: 20 })).items,
    enabled: words.length > 0,
    staleTime: 30_000,
  });
