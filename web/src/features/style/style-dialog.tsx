import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { ChatSettingsResource, ConversationResource, ItemResource } from '../../../../src/protocol/resources.ts';
import { nextSettings } from '../../data/begin-chat.ts';
import { changeConversation } from '../../data/conversation-changes.ts';
import { itemsQuery, newItemId, putItem, removeItem } from '../../data/items.ts';
import { changeNextChat, useNextChat } from '../../data/next-chat.ts';
import { showOverlay } from '../../data/overlay.ts';
import { conversationQuery } from '../../data/queries.ts';
import { useSession } from '../../data/session-context.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { focusFirstError } from '../../ui/field.tsx';
import { common } from '../../ui/words.ts';
import { type Origin, originOf } from './origin.ts';
import { draftOf, readDraft } from './style.ts';
import { StyleFields } from './style-fields.tsx';
import { words } from './words.ts';

type StyleDialogProps = { of: number | null | 'defaults'; onClose(): void };

const NOTHING: readonly never[] = [];

/** Of a chat, of the next new one, or of all new ones. */
export default function StyleDialog({ of, onClose }: StyleDialogProps) {
  const { user } = useSession();
  const items = useQuery(itemsQuery(user));
  const next = useNextChat();
  const isChat = typeof of === 'number';
  const conversation = useQuery({ ...conversationQuery(user, isChat ? of : 0), enabled: isChat }).data;
  if (items.isPending || (isChat && !conversation)) return null;
  const all = items.data ?? NOTHING;
  const defaults = all.findLast((item) => item.kind === 'defaults');
  const settings = isChat ? conversation!.settings : of === null ? nextSettings(next, all) : (defaults?.settings ?? {});
  function keep(changed: ChatSettingsResource): void {
    if (conversation) void changeConversation(user, conversation, { settings: changed });
    else if (of === null) changeNextChat({ settings: changed });
    else if (Object.keys(changed).length > 0) {
      void putItem(user, defaults?.id ?? newItemId(), { kind: 'defaults', settings: changed });
    } else if (defaults) void removeItem(user, defaults.id);
  }
  return (
    <StyleForm {...titleOf(of, conversation)} settings={settings} items={all} of={of} onKeep={keep} onClose={onClose} />
  );
}

type StyleFormProps = {
  title: string;
  text: string;
  of: StyleDialogProps['of'];
  settings: ChatSettingsResource;
  items: readonly ItemResource[];
  onKeep(settings: ChatSettingsResource): void;
  onClose(): void;
};

function StyleForm({ title, text, of, settings, items, onKeep, onClose }: StyleFormProps) {
  const [draft, setDraft] = useState(() => draftOf(settings));
  const { settings: read, errors } = readDraft(draft);
  const meant = { ...read, ...(settings.assistant !== undefined && { assistant: settings.assistant }) };
  const wrong = Object.keys(errors).length > 0;
  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    if (wrong) {
      focusFirstError(event.currentTarget);
      return;
    }
    onKeep(meant);
    onClose();
  }
  return (
    <Dialog label={title} className="style-dialog" onClose={onClose}>
      <form onSubmit={submit}>
        <h2 className="dialog-title">{title}</h2>
        <p className="dialog-text">{text}</p>
        <StyleFields
          draft={draft}
          errors={errors}
          origins={of === 'defaults' ? {} : originsInWords(meant, items, of === null)}
          onChange={(change) => setDraft({ ...draft, ...change })}
        />
        <div className="dialog-actions">
          <Button
            className="dialog-actions-start"
            disabled={wrong}
            onClick={() => showOverlay({ kind: 'assistant', assistant: null, begin: read })}
          >
            {words.saveAsAssistant}
          </Button>
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button tone="primary" type="submit">
            {words.save}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function titleOf(of: StyleDialogProps['of'], conversation: ConversationResource | undefined) {
  if (of === 'defaults') {
    return { title: words.newChats, text: words.newChatsWhat };
  }
  const began = conversation?.settings.assistant;
  const from = began ? words.began({ name: began }) : '';
  return {
    title: words.title,
    text: of === null ? words.ofNext : from + words.holds,
  };
}

function originsInWords(settings: ChatSettingsResource, items: readonly ItemResource[], isNew: boolean) {
  const name = settings.assistant;
  const assistant = items.find((item) => item.kind === 'assistant' && item.name === name);
  const sources = {
    defaults: items.findLast((item) => item.kind === 'defaults')?.settings ?? {},
    assistant: assistant?.kind === 'assistant' ? assistant.settings : null,
  };
  const from: Record<Origin, string> = {
    chat: isNew ? words.onlyThisNewChat : words.onlyThisChat,
    default: words.yourDefault,
    assistant: words.fromAssistant({ name: name ?? '' }),
    model: words.modelsOwn,
  };
  return {
    instructions: from[originOf(settings, ['system_prompt'], sources)],
    style: from[originOf(settings, ['temperature', 'top_p'], sources)],
    maxTokens: settings.max_tokens === undefined ? words.serversOwn : from[originOf(settings, ['max_tokens'], sources)],
    model: settings.model === undefined ? words.serversOwn : from[originOf(settings, ['model'], sources)],
  };
}
