import { type RefObject, useEffect, useMemo, useRef } from 'react';
import { Virtualizer } from 'virtua';
import type { ConversationResource } from '../../../../src/protocol/resources.ts';
import { useConversations } from '../../data/use-conversations.ts';
import { ConversationRow } from './conversation-row.tsx';
import { groupByDate } from './groups.ts';

type Row = { kind: 'heading'; name: string } | { kind: 'conversation'; conversation: ConversationResource };

/** Rows in view and a few around them are all that is drawn, however many conversations there are. */
export function ConversationList({ current, onLeave }: { current: number | null; onLeave(): void }) {
  const { pinned, dated, hasMore, loadMore, failed, retry } = useConversations();
  const scroller = useRef<HTMLDivElement>(null);
  const end = useRef<HTMLDivElement>(null);
  const rows = useMemo((): Row[] => {
    const groups = groupByDate(dated, new Date());
    if (pinned.length > 0) groups.unshift({ name: 'Pinned', items: [...pinned] });
    return groups.flatMap(({ name, items }) => [
      { kind: 'heading' as const, name },
      ...items.map((conversation) => ({ kind: 'conversation' as const, conversation })),
    ]);
  }, [pinned, dated]);
  useNearEnd(scroller, end, hasMore ? loadMore : null);
  return (
    <div className="side-list" ref={scroller}>
      <Virtualizer as="ul" item="li" data={rows} scrollRef={scroller}>
        {(row) =>
          row.kind === 'heading' ? (
            <h2 key={row.name}>{row.name}</h2>
          ) : (
            <ConversationRow
              key={row.conversation.number}
              conversation={row.conversation}
              current={row.conversation.number === current}
              onLeave={onLeave}
            />
          )
        }
      </Virtualizer>
      {failed && (
        <p className="side-note">
          The conversations cannot be shown.{' '}
          <button type="button" onClick={retry}>
            Try again
          </button>
        </p>
      )}
      <div ref={end} />
    </div>
  );
}

function useNearEnd(
  scroller: RefObject<HTMLElement | null>,
  end: RefObject<HTMLElement | null>,
  load: (() => void) | null,
): void {
  useEffect(() => {
    if (!end.current || !load) return;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) load();
      },
      { root: scroller.current, rootMargin: '0px 0px 800px 0px' },
    );
    observer.observe(end.current);
    return () => observer.disconnect();
  });
}
