import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { showOverlay } from '../../data/overlay.ts';
import { conversationQuery } from '../../data/queries.ts';
import { navigate } from '../../data/router.ts';
import { useSession } from '../../data/session-context.ts';
import { IconButton } from '../../ui/button.tsx';
import { Menu } from '../../ui/menu.tsx';
import { common } from '../../ui/words.ts';
import { words } from './words.ts';
import './chat-header.css';

type ChatHeaderProps = {
  number: number | null;
  /** Null where the sidebar is always there. */
  onDrawer: (() => void) | null;
};

export function ChatHeader({ number, onDrawer }: ChatHeaderProps) {
  const { user } = useSession();
  const { data } = useQuery({ ...conversationQuery(user, number ?? 0), enabled: number !== null });
  const title = number === null ? common.newChat : (data?.title ?? '');
  useEffect(() => {
    document.title = number !== null && title ? `${title} · ChatterBot` : 'ChatterBot';
  }, [number, title]);
  return (
    <header className="chat-header">
      {onDrawer && <IconButton icon="menu" label={common.conversations} onClick={onDrawer} />}
      <h1 className={number === null ? 'visually-hidden' : ''} dir="auto">
        {title || words.conversation}
      </h1>
      <span className="chat-header-end">
        <IconButton icon="sliders" label={words.style} onClick={() => showOverlay({ kind: 'style', of: number })} />
        {number !== null && !data?.temporary && (
          <IconButton icon="share" label={words.share} onClick={() => showOverlay({ kind: 'share', number })} />
        )}
        {number !== null && (
          <Menu
            label={words.export}
            trigger={(props) => <IconButton icon="download" label={words.export} {...props} />}
            entries={[
              { kind: 'link', icon: 'download', label: words.asMarkdown, href: user.exportUrl(number, 'markdown') },
              { kind: 'link', icon: 'download', label: words.asJson, href: user.exportUrl(number, 'json') },
            ]}
          />
        )}
        {onDrawer && number !== null && <IconButton icon="plus" label={common.newChat} onClick={() => navigate('/')} />}
      </span>
    </header>
  );
}
