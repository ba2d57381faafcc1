import { useSyncExternalStore } from 'react';
import { useMedia } from '../lib/use-media.ts';

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'chatterbot.theme';
const listeners = new Set<() => void>();

function read(): Theme {
  const chosen = document.documentElement.dataset.theme;
  return chosen === 'light' || chosen === 'dark' ? chosen : 'system';
}

const COLOURS = { light: '#fbfaf7', dark: '#151815' };

/** What the browser draws around the page is of its theme too. */
export function colourBrowser(): void {
  const chosen = read();
  for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
    meta.content = COLOURS[chosen === 'system' ? (meta.media.includes('dark') ? 'dark' : 'light') : chosen];
  }
}

export function setTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  colourBrowser();
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Storage may be forbidden; the choice holds until the page is left.
  }
  for (const listener of listeners) listener();
}

export function useTheme(): Theme {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, read);
}

/** Whether the page is dark now. */
export function useDark(): boolean {
  const theme = useTheme();
  const system = useMedia('(prefers-color-scheme: dark)');
  return theme === 'system' ? system : theme === 'dark';
}
