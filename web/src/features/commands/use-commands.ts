import type { InfiniteData } from '@tanstack/react-query';
import type { MessagePage } from '../../../../client/user-api.ts';
import {
  archiveConversation,
  changeConversation,
  deleteConversation,
  useConversation,
} from '../../data/conversation-changes.ts';
import { inReadingOrder } from '../../data/message-cache.ts';
import { changeNextChat } from '../../data/next-chat.ts';
import { showOverlay } from '../../data/overlay.ts';
import { messagesKey } from '../../data/queries.ts';
import { queryClient } from '../../data/query-client.ts';
import { navigate, type Route, useRoute } from '../../data/router.ts';
import { useSession } from '../../data/session-context.ts';
import { setTheme } from '../../data/theme.ts';
import { copyText } from '../../lib/copy-text.ts';
import type { IconName } from '../../ui/icon.tsx';
import { showToast } from '../../ui/toasts.tsx';
import { common } from '../../ui/words.ts';
import type { Keys } from './keys.ts';
import { words } from './words.ts';

export type Command = { label: string; icon: IconName; keys?: Keys; run(): void };

/** All that can be done from anywhere: for the palette, the sheet and the keyboard. */
export function useCommands(): Command[] {
  const { user, operates } = useSession();
  const route = useRoute();
  const conversation = useConversation(route.number);
  const general: Command[] = [
    { label: common.newChat, icon: 'plus', keys: { key: 'o', mod: true, shift: true }, run: () => navigate('/') },
    {
      label: words.searchAndCommands,
      icon: 'search',
      keys: { key: 'k', mod: true },
      run: () => showOverlay({ kind: 'palette' }),
    },
    { label: words.write, icon: 'pencil', keys: { key: 'Escape', shift: true }, run: focusComposer },
    {
      label: words.settings,
      icon: 'gear',
      keys: { key: ',', mod: true },
      run: () => showOverlay({ kind: 'settings' }),
    },
    {
      label: words.shortcuts,
      icon: 'keyboard',
      keys: { key: '?' },
      run: () => showOverlay({ kind: 'shortcuts' }),
    },
    {
      label: words.newTemporary,
      icon: 'temporary',
      run: () => {
        navigate('/');
        changeNextChat({ temporary: true });
      },
    },
    { label: words.assistants, icon: 'spark', run: () => showOverlay({ kind: 'assistants' }) },
    { label: words.prompts, icon: 'prompt', run: () => showOverlay({ kind: 'prompts' }) },
    { label: words.import, icon: 'unarchive', run: () => showOverlay({ kind: 'import' }) },
    { label: words.yourData, icon: 'file', run: () => showOverlay({ kind: 'data' }) },
    { label: words.style, icon: 'sliders', run: () => showOverlay({ kind: 'style', of: route.number }) },
    { label: words.archived, icon: 'archive', run: () => showOverlay({ kind: 'archive' }) },
    { label: words.shared, icon: 'share', run: () => showOverlay({ kind: 'share', number: null }) },
    ...(operates ? [{ label: words.models, icon: 'screen' as const, run: () => showOverlay({ kind: 'models' }) }] : []),
    { label: words.lightTheme, icon: 'sun', run: () => setTheme('light') },
    { label: words.darkTheme, icon: 'moon', run: () => setTheme('dark') },
    { label: words.systemTheme, icon: 'screen', run: () => setTheme('system') },
  ];
  if (!conversation) return general;
  return [
    ...general.slice(0, 3),
    {
      label: words.copyLast,
      icon: 'copy',
      keys: { key: 'c', mod: true, shift: true },
      run: () => void copyLastAnswer(route),
    },
    {
      label: words.renameThis,
      icon: 'pencil',
      keys: { key: 'F2' },
      run: () => showOverlay({ kind: 'rename', conversation }),
    },
    {
      label: conversation.pinned ? words.unpinThis : words.pinThis,
      icon: 'pin',
      run: () => void changeConversation(user, conversation, { pinned: !conversation.pinned }),
    },
    { label: words.moveThis, icon: 'folder', run: () => showOverlay({ kind: 'move', conversation }) },
    conversation.archived
      ? {
          label: words.unarchiveThis,
          icon: 'unarchive',
          run: () => void changeConversation(user, conversation, { archived: false }),
        }
      : { label: words.archiveThis, icon: 'archive', run: () => archiveConversation(user, conversation) },
    {
      label: words.shareThis,
      icon: 'share',
      run: () => showOverlay({ kind: 'share', number: conversation.number }),
    },
    {
      label: words.exportJson,
      icon: 'download',
      run: () => location.assign(user.exportUrl(conversation.number, 'json')),
    },
    { label: words.printThis, icon: 'file', run: () => print() },
    {
      label: words.exportMarkdown,
      icon: 'download',
      run: () => location.assign(user.exportUrl(conversation.number, 'markdown')),
    },
    {
      label: words.deleteThis,
      icon: 'trash',
      keys: { key: 'Backspace', mod: true, shift: true },
      run: () => deleteConversation(user, conversation, true),
    },
    ...general.slice(3),
  ];
}

function focusComposer(): void {
  document.querySelector<HTMLTextAreaElement>('textarea[name="message"]')?.focus();
}

async function copyLastAnswer({ number, through }: Route): Promise<void> {
  const pages = queryClient.getQueryData<InfiniteData<MessagePage>>(messagesKey(number ?? 0, through));
  const answer = inReadingOrder(pages).findLast(({ role, content }) => role === 'assistant' && content !== '');
  if (!answer) return;
  showToast({ text: (await copyText(answer.content)) ? words.lastCopied : common.notCopied });
}
