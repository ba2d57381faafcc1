import { useSyncExternalStore } from 'react';
import type { ChatSettingsResource } from '../../../src/protocol/resources.ts';

/** How the next new chat begins. `settings` null: as the person's defaults have it. */
export type NextChat = { temporary: boolean; settings: ChatSettingsResource | null; greeting: string };

const ORDINARY: NextChat = { temporary: false, settings: null, greeting: '' };
const listeners = new Set<() => void>();
let current = ORDINARY;

export function changeNextChat(change: Partial<NextChat>): void {
  current = { ...current, ...change };
  for (const listener of listeners) listener();
}

export const resetNextChat = (): void => changeNextChat(ORDINARY);
export const nextChat = (): NextChat => current;

export function useNextChat(): NextChat {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
}
