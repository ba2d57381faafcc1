import { memo } from 'react';
import type { ConversationResource } from '../../../../src/protocol/resources.ts';
import { archiveConversation, changeConversation, deleteConversation } from '../../data/conversation-changes.ts';
import { showOverlay } from '../../data/overlay.ts';
import { navigate, pathOf } from '../../data/router.ts';
import { useSession } from '../../data/session-context.ts';
import { IconButton } from '../../ui/button.tsx';
import { Menu } from '../../ui/menu.tsx';

type ConversationRowProps = {
  conversation: ConversationResource;
  current: boolean;
  inFolder?: boolean | undefined;
  onLeave(): void;
};

export const ConversationRow = memo(function ConversationRow({
  conversation,
  current,
  inFolder = false,
  onLeave,
}: ConversationRowProps) {
  const { user } = useSession();
  const { number, title, pinned, answering } = conversation;
  const path = pathOf(number);
  return (
    <div className={inFolder ? 'side-item side-in-folder' : 'side-item'}>
      <a
        className="side-row"
        href={path}
        aria-current={current ? 'page' : undefined}
        onClick={(event) => {
          if (event.metaKey || event.ctrlKey || event.shiftKey) return;
          event.preventDefault();
          navigate(path);
          onLeave();
        }}
      >
        <span className="side-title" dir="auto">
          {title}
        </span>
        {answering && <i className="side-dot" role="img" aria-label="Being answered" />}
      </a>
      <Menu
        label={`More for ${title}`}
        trigger={(props) => <IconButton icon="more" label={`More for ${title}`} className="side-more" {...props} />}
        entries={[
          { icon: 'pencil', label: 'Rename', onSelect: () => showOverlay({ kind: 'rename', conversation }) },
          {
            icon: 'pin',
            label: pinned ? 'Unpin' : 'Pin',
            onSelect: () => void changeConversation(user, conversation, { pinned: !pinned }),
          },
          { icon: 'folder', label: 'Move to a folder', onSelect: () => showOverlay({ kind: 'move', conversation }) },
          { icon: 'archive', label: 'Archive', onSelect: () => archiveConversation(user, conversation) },
          { icon: 'share', label: 'Share', onSelect: () => showOverlay({ kind: 'share', number }) },
          { kind: 'link', icon: 'download', label: 'Export', href: user.exportUrl(number, 'markdown') },
          {
            icon: 'trash',
            label: 'Delete',
            danger: true,
            onSelect() {
              // Nothing can be undone behind a drawer.
              onLeave();
              deleteConversation(user, conversation, current);
            },
          },
        ]}
      />
    </div>
  );
});
