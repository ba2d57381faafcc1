import { useQuery } from '@tanstack/react-query';
import type { ChatSettingsResource } from '../../../../src/protocol/resources.ts';
import { nextSettings } from '../../data/begin-chat.ts';
import { changeConversation, useConversation } from '../../data/conversation-changes.ts';
import { type ItemOf, itemsQuery } from '../../data/items.ts';
import { changeNextChat } from '../../data/next-chat.ts';
import { showOverlay } from '../../data/overlay.ts';
import { useSession } from '../../data/session-context.ts';
import type { MenuEntry } from '../../ui/menu.tsx';
import { closeToast, showToast } from '../../ui/toasts.tsx';
import { common } from '../../ui/words.ts';
import { words } from './words.ts';

const AT_MOST = 6;
const NOTHING: readonly never[] = [];

/** Saved assistants as entries of the menu of models. In a chat that there is, one takes over from the next answer on. */
export function useAssistantEntries(number: number | null, current: string | undefined): readonly MenuEntry[] {
  const { user } = useSession();
  const items = useQuery(itemsQuery(user)).data ?? NOTHING;
  const conversation = useConversation(number);
  const assistants = items.filter((item): item is ItemOf<'assistant'> => item.kind === 'assistant');
  if (assistants.length === 0) return NOTHING;

  function choose(assistant: ItemOf<'assistant'>): void {
    if (number === null) changeNextChat({ assistant: assistant.name === current ? null : assistant, settings: null });
    else if (conversation) {
      const put = (settings: ChatSettingsResource) => void changeConversation(user, conversation, { settings });
      put(nextSettings({ temporary: false, assistant, settings: null }, items));
      const toast = showToast({
        text: words.answersFromNow({ name: assistant.name }),
        action: {
          label: common.undo,
          run() {
            closeToast(toast);
            put(conversation.settings);
          },
        },
      });
    }
  }

  return [
    { kind: 'line' },
    ...assistants.slice(-AT_MOST).map((assistant) => ({
      icon: assistant.name === current ? ('check' as const) : ('spark' as const),
      label: assistant.name,
      onSelect: () => choose(assistant),
    })),
    { icon: 'blank', label: words.allAssistants, onSelect: () => showOverlay({ kind: 'assistants' }) },
  ];
}
