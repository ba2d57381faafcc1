import { useQueries } from '@tanstack/react-query';
import { type RefObject, useEffect, useMemo, useRef } from 'react';
import { Virtualizer } from 'virtua';
import type { ConversationResource } from '../../../../src/protocol/resources.ts';
import { useDeleted } from '../../data/conversation-changes.ts';
import { type ItemOf, useItems } from '../../data/items.ts';
import { useOpenFolders } from '../../data/open-folders.ts';
import { folderQuery } from '../../data/queries.ts';
import { useSession } from '../../data/session-context.ts';
import { useConversations } from '../../data/use-conversations.ts';
import { common } from '../../ui/words.ts';
import { compareText } from '../../words/format.ts';
import { ConversationRow } from './conversation-row.tsx';
import { FolderRow } from './folder-row.tsx';
import { groupByDate } from './groups.ts';
import { words } from './words.ts';

type Row =
  | { kind: 'heading'; name: string }
  | { kind: 'folder'; folder: ItemOf<'folder'>; open: boolean }
  | { kind: 'empty'; folder: string }
  | { kind: 'conversation'; conversation: ConversationResource; inFolder?: boolean };

/** Rows in view and a few around them are all that is drawn, however many conversations there are. */
export function ConversationList({ current, onLeave }: { current: number | null; onLeave(): void }) {
  const { pinned, dated, hasMore, loadMore, failed, retry } = useConversations();
  const scroller = useRef<HTMLDivElement>(null);
  const end = useRef<HTMLDivElement>(null);
  const folders = useFolderRows();
  const rows = useMemo((): Row[] => {
    const groups = groupByDate(
      dated.filter((item) => !item.folder),
      new Date(),
    );
    if (pinned.length > 0) groups.unshift({ name: words.pinned, items: [...pinned] });
    const listed = groups.map(({ name, items }): Row[] => [
      { kind: 'heading', name },
      ...items.map((conversation) => ({ kind: 'conversation' as const, conversation })),
    ]);
    const heading: Row[] = folders.length > 0 ? [{ kind: 'heading', name: words.folders }] : [];
    const first = pinned.length > 0 ? 1 : 0;
    return [...listed.slice(0, first).flat(), ...heading, ...folders, ...listed.slice(first).flat()];
  }, [pinned, dated, folders]);
  useNearEnd(scroller, end, hasMore ? loadMore : null);
  return (
    <div className="side-list" ref={scroller}>
      <Virtualizer as="ul" item="li" data={rows} scrollRef={scroller}>
        {(row) =>
          row.kind === 'heading' ? (
            <h2 key={row.name}>{row.name}</h2>
          ) : row.kind === 'folder' ? (
            <FolderRow key={row.folder.id} folder={row.folder} open={row.open} />
          ) : row.kind === 'empty' ? (
            <p key={`empty ${row.folder}`} className="side-empty">
              {words.empty}
            </p>
          ) : (
            <ConversationRow
              key={`${row.inFolder} ${row.conversation.number}`}
              inFolder={row.inFolder}
              conversation={row.conversation}
              current={row.conversation.number === current}
              onLeave={onLeave}
            />
          )
        }
      </Virtualizer>
      {failed && (
        <p className="side-note">
          {words.cannotBeShown}{' '}
          <button type="button" onClick={retry}>
            {common.tryAgain}
          </button>
        </p>
      )}
      <div ref={end} />
    </div>
  );
}

/** Folders by name, each that is open with what is in it. */
function useFolderRows(): Row[] {
  const { user } = useSession();
  const folders = useItems('folder').toSorted((a, b) => compareText(a.name, b.name));
  const isOpen = useOpenFolders();
  const deleted = useDeleted();
  const open = folders.filter(({ id }) => isOpen.includes(id));
  const contents = useQueries({ queries: open.map(({ id }) => folderQuery(user, id)) });
  return folders.flatMap((folder): Row[] => {
    const at = open.indexOf(folder);
    const items = contents[at]?.data?.filter(
      (item) => item.folder === folder.id && !item.archived && !deleted.has(item.number),
    );
    return [
      { kind: 'folder', folder, open: at >= 0 },
      ...(items ?? []).map((conversation) => ({ kind: 'conversation' as const, conversation, inFolder: true })),
      ...(items?.length === 0 ? [{ kind: 'empty' as const, folder: folder.id }] : []),
    ];
  });
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
