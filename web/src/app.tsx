import { lazy, Suspense } from 'react';
import { closeOverlay, showOverlay } from './data/overlay.ts';
import { useRoute } from './data/router.ts';
import { useCommands } from './features/commands/use-commands.ts';
import { useShortcuts } from './features/commands/use-shortcuts.ts';
import { Sidebar } from './features/sidebar/sidebar.tsx';
import { ChatHeader } from './features/transcript/chat-header.tsx';
import { NewChat } from './features/transcript/new-chat.tsx';
import { early } from './lib/early.tsx';
import { NARROW, useMedia } from './lib/use-media.ts';
import { Overlays } from './overlays.tsx';
import { Announcer } from './ui/announcer.tsx';
import { Toasts } from './ui/toasts.tsx';
import { useLanguage } from './words/words.ts';
import './app.css';

const Chat = early(() => import('./features/transcript/chat.tsx'));
const NoticeLines = lazy(() => import('./features/offline/notice-lines.tsx'));

export function App() {
  const { number, through } = useRoute();
  const narrow = useMedia(NARROW);
  const language = useLanguage();
  useShortcuts(useCommands());
  return (
    <div className="app">
      {!narrow && (
        <aside className="app-side" key={`side ${language}`}>
          <Sidebar onLeave={closeOverlay} />
        </aside>
      )}
      <main className="app-main" key={language}>
        <Suspense>
          <NoticeLines />
        </Suspense>
        <ChatHeader number={number} onDrawer={narrow ? () => showOverlay({ kind: 'drawer' }) : null} />
        {number === null ? <NewChat /> : <Chat key={number} number={number} through={through} />}
        <Toasts />
      </main>
      <Overlays narrow={narrow} />
      <Announcer />
    </div>
  );
}
