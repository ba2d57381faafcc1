import { memo } from 'react';
import type { ConversationResource } from '../../../../src/protocol/resources.ts';
import { archiveConversation, changeConversation, deleteConversation } from '../../data/conversation-changes.ts';
import { showOverlay } from '../../data/overlay.ts';
import { navigate, pathOf } from '../../data/router.ts';
import { useSession } from '../../data/session-context.ts';
import { IconButton } from '../../ui/button.tsx';
import { Menu } from '../../ui/menu.tsx';
import { common } from '../../ui/words.ts';
import { words } from './words.ts';

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
        {answering && <i className="side-dot" role="img" aria-label={words.beingAnswered} />}
      </a>
      <Menu
        label={words.more({ title })}
        trigger={(props) => <IconButton icon="more" label={words.more({ title })} className="side-more" {...props} />}
        entries={[
          { icon: 'pencil', label: common.rename, onSelect: () => showOverlay({ kind: 'rename', conversation }) },
          {
            icon: 'pin',
            label: pinned ? words.unpin : words.pin,
            onSelect: () => void changeConversation(user, conversation, { pinned: !pinned }),
          },
          { icon: 'folder', label: words.moveToFolder, onSelect: () => showOverlay({ kind: 'move', conversation }) },
          { icon: 'archive', label: words.archive, onSelect: () => archiveConversation(user, conversation) },
          { icon: 'share', label: words.share, onSelect: () => showOverlay({ kind: 'share', number }) },
          { kind: 'link', icon: 'download', label: words.export, href: user.exportUrl(number, 'markdown') },
          {
            icon: 'trash',
            label: common.delete,
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
