import type { ChatSettingsResource, ItemResource } from '../../../src/protocol/resources.ts';
import { createStore } from '../lib/store.ts';

type Assistant = Extract<ItemResource, { kind: 'assistant' }>;

/** What the next new chat is to be. `settings`: its own, in place of the defaults and the assistant's. */
export type NextChat = { temporary: boolean; assistant: Assistant | null; settings: ChatSettingsResource | null };

const ORDINARY: NextChat = { temporary: false, assistant: null, settings: null };
const next = createStore(ORDINARY);

export const nextChat = next.get;
export const useNextChat = next.use;
export const changeNextChat = (change: Partial<NextChat>): void => next.set({ ...next.get(), ...change });
export const forgetNextChat = (): void => next.set(ORDINARY);
