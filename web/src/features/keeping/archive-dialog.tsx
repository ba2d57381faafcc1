import { useInfiniteQuery } from '@tanstack/react-query';
import { changeConversation, deleteConversation, useDeleted } from '../../data/conversation-changes.ts';
import { archivedQuery } from '../../data/queries.ts';
import { navigate, pathOf } from '../../data/router.ts';
import { useSession } from '../../data/session-context.ts';
import { Button, IconButton } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { common } from '../../ui/words.ts';
import { formatDate } from '../../words/format.ts';
import { words } from './words.ts';
import './keeping.css';

export default function ArchiveDialog({ onClose }: { onClose(): void }) {
  const { user } = useSession();
  const deleted = useDeleted();
  const { data, hasNextPage, fetchNextPage, isPending } = useInfiniteQuery(archivedQuery(user));
  const items = (data?.pages ?? [])
    .flatMap((page) => page.items)
    .filter((item) => item.archived && !deleted.has(item.number));
  return (
    <Dialog label={words.archived} className="keep-dialog" onClose={onClose}>
      <h2 className="dialog-title">{words.archived}</h2>
      <p className="dialog-text">{words.archivedWhat}</p>
      {!isPending && items.length === 0 && <p className="keep-none">{words.nothingArchived}</p>}
      <ul className="keep-list">
        {items.map((item) => (
          <li key={item.number} className="keep-line">
            <button
              type="button"
              className="keep-row"
              onClick={() => {
                onClose();
                navigate(pathOf(item.number));
              }}
            >
              <span className="keep-clip" dir="auto">
                {item.title}
              </span>
              <time dateTime={item.updated_at}>{formatDate(item.updated_at)}</time>
            </button>
            <IconButton
              icon="unarchive"
              label={words.backToList({ title: item.title })}
              onClick={() => void changeConversation(user, item, { archived: false })}
            />
            <IconButton
              icon="trash"
              label={words.deleteChat({ title: item.title })}
              onClick={() => {
                onClose();
                deleteConversation(user, item, false);
              }}
            />
          </li>
        ))}
      </ul>
      <div className="dialog-actions">
        {hasNextPage && <Button onClick={() => void fetchNextPage()}>{words.showMore}</Button>}
        <Button tone="primary" onClick={onClose}>
          {common.done}
        </Button>
      </div>
    </Dialog>
  );
}
