import { createKeptStore } from '../lib/store.ts';
import type { Language } from '../words/languages.ts';

/** The last chats that were opened. */
export const KEPT_CHATS = 50;

export type Settings = {
  /** Null: as the browser says. */
  language: Language | null;
  /** `enter`: Enter sends, Shift+Enter breaks the line. `mod-enter`: ⌘ or Ctrl with Enter sends. */
  sendKey: 'enter' | 'mod-enter';
  textSize: 'small' | 'normal' | 'large';
  /** What was read is kept in this browser, for when there is no server. */
  keepChats: boolean;
  /** The model makes titles of new chats. */
  autoTitle: boolean;
};

const ORDINARY: Settings = { language: null, keepChats: true, sendKey: 'enter', textSize: 'normal', autoTitle: true };
const chosen = createKeptStore<Partial<Settings>>('localStorage', 'chatterbot.settings', {});

export const currentSettings = (): Settings => ({ ...ORDINARY, ...chosen.get() });
export const useSettings = (): Settings => ({ ...ORDINARY, ...chosen.use() });

export function changeSettings(change: Partial<Settings>): void {
  chosen.set({ ...chosen.get(), ...change });
  document.documentElement.dataset.textSize = currentSettings().textSize;
}
