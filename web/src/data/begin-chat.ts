import type { SendInput, UserApi } from '../../../client/user-api.ts';
import type { ChatSettingsResource, ConversationResource, ItemResource } from '../../../src/protocol/resources.ts';
import { showToast } from '../ui/toasts.tsx';
import { refreshConversations } from './message-cache.ts';
import { forgetNextChat, type NextChat, nextChat } from './next-chat.ts';
import { conversationKey } from './queries.ts';
import { queryClient } from './query-client.ts';
import { currentRoute, onNavigate } from './router.ts';
import { currentSettings } from './settings.ts';
import { words } from './words.ts';

/** Of a new chat. Where the assistant says nothing the person's defaults hold. */
export function nextSettings({ assistant, settings }: NextChat, items: readonly ItemResource[]): ChatSettingsResource {
  if (settings) return settings;
  const defaults = items.findLast((item) => item.kind === 'defaults')?.settings;
  return { ...defaults, ...assistant?.settings, ...(assistant && { assistant: assistant.name }) };
}

/** What a new conversation is sent with. */
export function beginning(): Pick<SendInput, 'settings' | 'temporary' | 'auto_title'> {
  const chosen = nextSettings(nextChat(), queryClient.getQueryData<ItemResource[]>(['items']) ?? []);
  return {
    ...(Object.keys(chosen).length > 0 && { settings: chosen }),
    ...(nextChat().temporary ? { temporary: true } : currentSettings().autoTitle && { auto_title: true }),
  };
}

export function begun(number: number): void {
  if (!nextChat().temporary && currentSettings().autoTitle) void awaitTitle(number);
  forgetNextChat();
}

/** Going elsewhere in the page ends it; closing or reloading the page does not. Returns how to leave it alone. */
export function forgetWhenLeft(user: UserApi, number: number): () => void {
  const stop = onNavigate(() => {
    if (currentRoute().number === number) return;
    stop();
    user
      .remove(number)
      .then(() => showToast({ text: words.temporaryDeleted }))
      // It goes by itself after a while.
      .catch(() => {});
  });
  return stop;
}

/** Milliseconds between looks: the title is made behind everybody who waits. */
const LOOKS = [3_000, 3_000, 5_000, 8_000, 15_000, 30_000];

async function awaitTitle(number: number): Promise<void> {
  const titleNow = (): string | undefined =>
    queryClient.getQueryData<ConversationResource>(conversationKey(number))?.title;
  let first: string | undefined;
  for (const pause of LOOKS) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    first ??= titleNow();
    if (titleNow() !== first) return;
    refreshConversations(number);
  }
}
