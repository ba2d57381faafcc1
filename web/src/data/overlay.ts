import type { ConversationResource, ItemResource } from '../../../src/protocol/resources.ts';
import { createStore } from '../lib/store.ts';

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

const overlay = createStore<Overlay | null>(null);

export const showOverlay = overlay.set;

export const closeOverlay = (): void => showOverlay(null);

export const useOverlay = overlay.use;
