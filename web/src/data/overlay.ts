import type { ChatSettingsResource, ConversationResource, ItemResource } from '../../../src/protocol/resources.ts';
import { createStore } from '../lib/store.ts';

/** What lies over the page; one thing at a time. */
export type Overlay =
  | { kind: 'palette' }
  | { kind: 'drawer' }
  | { kind: 'settings' }
  | { kind: 'shortcuts' }
  | { kind: 'archive' }
  | { kind: 'models' }
  | { kind: 'share'; number: number | null }
  | { kind: 'folder'; folder: Extract<ItemResource, { kind: 'folder' }> }
  | { kind: 'move'; conversation: ConversationResource }
  /** Of a chat, of the next new one (null), or of all new ones. */
  | { kind: 'style'; of: number | null | 'defaults' }
  | { kind: 'assistants' }
  /** `begin`: of a new one, what it is made from. */
  | { kind: 'assistant'; assistant: Extract<ItemResource, { kind: 'assistant' }> | null; begin?: ChatSettingsResource }
  | { kind: 'import' }
  | { kind: 'data' }
  | { kind: 'prompts' }
  /** `text`: of a new one, what is being written. */
  | { kind: 'prompt'; prompt: Extract<ItemResource, { kind: 'prompt' }> | null; text?: string }
  | { kind: 'rename'; conversation: ConversationResource };

const overlay = createStore<Overlay | null>(null);

export const showOverlay = overlay.set;

export const closeOverlay = (): void => showOverlay(null);

export const useOverlay = overlay.use;
