import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { showOverlay } from '../../data/overlay.ts';
import { conversationQuery } from '../../data/queries.ts';
import { navigate } from '../../data/router.ts';
import { useSession } from '../../data/session-context.ts';
import { IconButton } from '../../ui/button.tsx';
import { Menu } from '../../ui/menu.tsx';
import './chat-header.css';

type ChatHeaderProps = {
  number: number | null;
  /** Null where the sidebar is always there. */
  onDrawer: (() => void) | null;
};

export function ChatHeader({ number, onDrawer }: ChatHeaderProps) {
  const { user } = useSession();
  const { data } = useQuery({ ...conversationQuery(user, number ?? 0), enabled: number !== null });
  const title = number === null ? 'New chat' : (data?.title ?? '');
  useEffect(() => {
    document.title = number !== null && title ? `${title} · ChatterBot` : 'ChatterBot';
  }, [number, title]);
  return (
    <header className="chat-header">
      {onDrawer && <IconButton icon="menu" label="Conversations" onClick={onDrawer} />}
      <h1 className={number === null ? 'visually-hidden' : ''} dir="auto">
        {title || 'Conversation'}
      </h1>
      <span className="chat-header-end">
        {number !== null && !data?.temporary && (
          <IconButton icon="share" label="Share" onClick={() => showOverlay({ kind: 'share', number })} />
        )}
        {number !== null && (
          <Menu
            label="Export"
            trigger={(props) => <IconButton icon="download" label="Export" {...props} />}
            entries={[
              { kind: 'link', icon: 'download', label: 'As Markdown', href: user.exportUrl(number, 'markdown') },
              { kind: 'link', icon: 'download', label: 'As JSON', href: user.exportUrl(number, 'json') },
            ]}
          />
        )}
        {onDrawer && number !== null && <IconButton icon="plus" label="New chat" onClick={() => navigate('/')} />}
      </span>
    </header>
  );
}
