import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { ConversationResource } from '../../../src/protocol/resources.ts';
import { useDeleted } from './conversation-changes.ts';
import { newestQuery, olderQuery, pinnedQuery } from './queries.ts';
import { useSession } from './session-context.ts';

export type Conversations = {
  pinned: readonly ConversationResource[];
  /** Those that are not pinned, newest activity first, as far as they are loaded. */
  dated: readonly ConversationResource[];
  all: readonly ConversationResource[];
  hasMore: boolean;
  loadMore(): void;
  /** Where nothing can be shown. */
  failed: boolean;
  retry(): void;
};

export function useConversations(): Conversations {
  const { user } = useSession();
  const deleted = useDeleted();
  const pinnedData = useQuery(pinnedQuery(user)).data;
  const newest = useQuery(newestQuery(user));
  const older = useInfiniteQuery(olderQuery(user));
  const { pinned, dated } = useMemo(() => {
    const recent = newest.data ?? [];
    const known = new Set(recent.map(({ number }) => number));
    const rest = (older.data?.pages ?? []).flatMap((page) => page.items).filter(({ number }) => !known.has(number));
    const pinnedOnes = (pinnedData ?? []).filter((item) => item.pinned && !item.archived && !deleted.has(item.number));
    const pins = new Set(pinnedOnes.map(({ number }) => number));
    return {
      pinned: pinnedOnes,
      dated: [...recent, ...rest].filter(
        ({ number, archived }) => !archived && !pins.has(number) && !deleted.has(number),
      ),
    };
  }, [pinnedData, newest.data, older.data, deleted]);
  return {
    pinned,
    dated,
    all: useMemo(() => [...pinned, ...dated], [pinned, dated]),
    hasMore: older.hasNextPage && !older.isFetchingNextPage,
    loadMore: () => void older.fetchNextPage(),
    failed: newest.isError && !newest.data,
    retry: () => void newest.refetch(),
  };
}
