import { colourBrowser } from './data/theme.ts';
import { Boundary } from './ui/boundary.tsx';
import './styles/tokens.css';
import './styles/base.css';
import { QueryClientProvider } from '@tanstack/react-query';
import { lazy, StrictMode, Suspense } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { askEarly } from './data/ask-early.ts';
import { speakAsChosen } from './data/language.ts';
import { queryClient } from './data/query-client.ts';
import { SessionGate } from './features/session/session-gate.tsx';

const SharedPage = lazy(() => import('./features/share/shared-page.tsx'));

/** Of an address that needs no key. */
const shared = /^\/s\/([\w-]{1,64})\/?$/.exec(location.pathname)?.[1];
const root = document.getElementById('root');
if (!root) throw new Error('The page lacks its root element.');
colourBrowser();
const draw = (): void =>
  createRoot(root).render(
    <StrictMode>
      <Boundary>
        <QueryClientProvider client={queryClient}>
          {shared ? (
            <Suspense>
              <SharedPage id={shared} />
            </Suspense>
          ) : (
            <SessionGate>
              <App />
            </SessionGate>
          )}
        </QueryClientProvider>
      </Boundary>
    </StrictMode>,
  );
if (!shared) askEarly();
// Where its texts cannot be fetched the page is in English.
void speakAsChosen().then(draw, draw);
