import { showOverlay } from '../../data/overlay.ts';
import { navigate, useRoute } from '../../data/router.ts';
import { Icon } from '../../ui/icon.tsx';
import { common } from '../../ui/words.ts';
import { KeyCaps } from '../commands/key-caps.tsx';
import { ConversationList } from './conversation-list.tsx';
import { SidebarFoot } from './sidebar-foot.tsx';
import { words } from './words.ts';
import './sidebar.css';

/** `onLeave`: after going somewhere; a drawer closes. */
export function Sidebar({ onLeave }: { onLeave(): void }) {
  const { number } = useRoute();
  return (
    <nav className="sidebar" aria-label={common.conversations}>
      <div className="brand">
        <svg width="22" height="22" viewBox="0 0 22 22" aria-hidden="true">
          <path d="M6 0h10a6 6 0 0 1 6 6v10a6 6 0 0 1-6 6H2a2 2 0 0 1-2-2V6a6 6 0 0 1 6-6z" fill="var(--accent)" />
          <path d="M6 9h10M6 13.2h10" stroke="var(--on-accent)" strokeWidth="2" />
        </svg>
        ChatterBot
      </div>
      <a
        className="side-row side-new"
        href="/"
        aria-current={number === null ? 'page' : undefined}
        onClick={(event) => {
          if (event.metaKey || event.ctrlKey || event.shiftKey) return;
          event.preventDefault();
          navigate('/');
          onLeave();
        }}
      >
        <Icon name="plus" />
        {common.newChat}
      </a>
      <button type="button" className="side-row" onClick={() => showOverlay({ kind: 'palette' })}>
        <Icon name="search" />
        {words.search}
        <KeyCaps keys={{ key: 'k', mod: true }} />
      </button>
      <button type="button" className="side-row" onClick={() => showOverlay({ kind: 'assistants' })}>
        <Icon name="spark" />
        {words.assistants}
      </button>
      <ConversationList current={number} onLeave={onLeave} />
      <SidebarFoot />
    </nav>
  );
}
