import { useSyncExternalStore } from 'react';

export type Settings = {
  /** `enter`: Enter sends, Shift+Enter breaks the line. `mod-enter`: ⌘ or Ctrl with Enter sends. */
  sendKey: 'enter' | 'mod-enter';
  textSize: 'small' | 'normal' | 'large';
  /** The model makes titles of new chats. */
  autoTitle: boolean;
};

const KEY = 'chatterbot.settings';
const ORDINARY: Settings = { sendKey: 'enter', textSize: 'normal', autoTitle: true };
const listeners = new Set<() => void>();
let current = read();

function read(): Settings {
  try {
    return { ...ORDINARY, ...(JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Settings>) };
  } catch {
    return ORDINARY;
  }
}

export function changeSettings(change: Partial<Settings>): void {
  current = { ...current, ...change };
  document.documentElement.dataset.textSize = current.textSize;
  try {
    localStorage.setItem(KEY, JSON.stringify(current));
  } catch {
    // Storage may be forbidden; the choice holds until the page is left.
  }
  for (const listener of listeners) listener();
}

export const currentSettings = (): Settings => current;

export function useSettings(): Settings {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
}
