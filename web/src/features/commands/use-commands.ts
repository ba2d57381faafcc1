import type { InfiniteData } from '@tanstack/react-query';
import type { MessagePage } from '../../../../client/user-api.ts';
import {
  archiveConversation,
  changeConversation,
  deleteConversation,
  useConversation,
} from '../../data/conversation-changes.ts';
import { inReadingOrder } from '../../data/message-cache.ts';
import { makeNextTemporary } from '../../data/next-chat.ts';
import { showOverlay } from '../../data/overlay.ts';
import { messagesKey } from '../../data/queries.ts';
import { queryClient } from '../../data/query-client.ts';
import { navigate, type Route, useRoute } from '../../data/router.ts';
import { useSession } from '../../data/session-context.ts';
import { setTheme } from '../../data/theme.ts';
import { copyText } from '../../lib/copy-text.ts';
import type { IconName } from '../../ui/icon.tsx';
import { showToast } from '../../ui/toasts.tsx';
import type { Keys } from './keys.ts';

export type Command = { label: string; icon: IconName; keys?: Keys; run(): void };

/** All that can be done from anywhere: for the palette, the sheet and the keyboard. */
export function useCommands(): Command[] {
  const { user } = useSession();
  const route = useRoute();
  const conversation = useConversation(route.number);
  const general: Command[] = [
    { label: 'New chat', icon: 'plus', keys: { key: 'o', mod: true, shift: true }, run: () => navigate('/') },
    {
      label: 'Search and commands',
      icon: 'search',
      keys: { key: 'k', mod: true },
      run: () => showOverlay({ kind: 'palette' }),
    },
    { label: 'Write a message', icon: 'pencil', keys: { key: 'Escape', shift: true }, run: focusComposer },
    { label: 'Settings', icon: 'gear', keys: { key: ',', mod: true }, run: () => showOverlay({ kind: 'settings' }) },
    {
      label: 'Keyboard shortcuts',
      icon: 'keyboard',
      keys: { key: '?' },
      run: () => showOverlay({ kind: 'shortcuts' }),
    },
    {
      label: 'New temporary chat',
      icon: 'temporary',
      run: () => {
        navigate('/');
        makeNextTemporary(true);
      },
    },
    { label: 'Archived chats', icon: 'archive', run: () => showOverlay({ kind: 'archive' }) },
    { label: 'Shared chats', icon: 'share', run: () => showOverlay({ kind: 'share', number: null }) },
    { label: 'Light theme', icon: 'sun', run: () => setTheme('light') },
    { label: 'Dark theme', icon: 'moon', run: () => setTheme('dark') },
    { label: 'Theme of the system', icon: 'screen', run: () => setTheme('system') },
  ];
  if (!conversation) return general;
  return [
    ...general.slice(0, 3),
    {
      label: 'Copy the last answer',
      icon: 'copy',
      keys: { key: 'c', mod: true, shift: true },
      run: () => void copyLastAnswer(route),
    },
    {
      label: 'Rename this chat',
      icon: 'pencil',
      keys: { key: 'F2' },
      run: () => showOverlay({ kind: 'rename', conversation }),
    },
    {
      label: conversation.pinned ? 'Unpin this chat' : 'Pin this chat',
      icon: 'pin',
      run: () => void changeConversation(user, conversation, { pinned: !conversation.pinned }),
    },
    { label: 'Move this chat to a folder', icon: 'folder', run: () => showOverlay({ kind: 'move', conversation }) },
    conversation.archived
      ? {
          label: 'Take this chat out of the archive',
          icon: 'unarchive',
          run: () => void changeConversation(user, conversation, { archived: false }),
        }
      : { label: 'Archive this chat', icon: 'archive', run: () => archiveConversation(user, conversation) },
    {
      label: 'Share this chat',
      icon: 'share',
      run: () => showOverlay({ kind: 'share', number: conversation.number }),
    },
    {
      label: 'Export this chat as JSON',
      icon: 'download',
      run: () => location.assign(user.exportUrl(conversation.number, 'json')),
    },
    { label: 'Print this chat', icon: 'file', run: () => print() },
    {
      label: 'Export this chat as Markdown',
      icon: 'download',
      run: () => location.assign(user.exportUrl(conversation.number, 'markdown')),
    },
    {
      label: 'Delete this chat',
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
  showToast({ text: (await copyText(answer.content)) ? 'The last answer is copied.' : 'It could not be copied.' });
}
