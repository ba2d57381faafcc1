import { useSyncExternalStore } from 'react';
import type { ConversationResource, ItemResource } from '../../../src/protocol/resources.ts';

/** What lies over the page; one thing at a time. */
export type Overlay =
  | { kind: 'palette' }
  | { kind: 'drawer' }
  | { kind: 'settings' }
  | { kind: 'shortcuts' }
  | { kind: 'archive' }
  | { kind: 'share'; number: number | null }
  | { kind: 'folder'; folder: Extract<ItemResource, { kind: 'folder' }> }
  | { kind: 'move'; conversation: ConversationResource }
  | { kind: 'rename'; conversation: ConversationResource };

const listeners = new Set<() => void>();
let current: Overlay | null = null;

export function showOverlay(next: Overlay | null): void {
  current = next;
  for (const listener of listeners) listener();
}

export const closeOverlay = (): void => showOverlay(null);

export function useOverlay(): Overlay | null {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
}
