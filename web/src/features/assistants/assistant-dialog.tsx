import { type FormEvent, useState } from 'react';
import { ITEM_LIMITS } from '../../../../src/protocol/chat-settings.ts';
import type { ChatSettingsResource } from '../../../../src/protocol/resources.ts';
import { type ItemOf, newItemId, putItem } from '../../data/items.ts';
import { showOverlay } from '../../data/overlay.ts';
import { useSession } from '../../data/session-context.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Field, focusFirstError } from '../../ui/field.tsx';
import { common } from '../../ui/words.ts';
import { draftOf, readDraft } from '../style/style.ts';
import { StyleFields } from '../style/style-fields.tsx';
import { words as styleWords } from '../style/words.ts';
import { words } from './words.ts';

type AssistantDialogProps = {
  /** Null: a new one. */
  assistant: ItemOf<'assistant'> | null;
  begin?: ChatSettingsResource;
  onClose(): void;
};

export default function AssistantDialog({ assistant, begin, onClose }: AssistantDialogProps) {
  const { user } = useSession();
  const [name, setName] = useState(assistant?.name ?? '');
  const [greeting, setGreeting] = useState(assistant?.greeting ?? '');
  const [draft, setDraft] = useState(() => draftOf(assistant?.settings ?? begin ?? {}));
  const [refused, setRefused] = useState(false);
  const { settings, errors } = readDraft(draft);
  const nameError = refused && name.trim() === '' ? words.needsName : undefined;
  const back = (): void => showOverlay({ kind: 'assistants' });
  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const form = event.currentTarget;
    if (name.trim() === '' || Object.keys(errors).length > 0) {
      setRefused(true);
      requestAnimationFrame(() => focusFirstError(form));
      return;
    }
    const value = { kind: 'assistant' as const, name: name.trim(), greeting: greeting.trim(), settings };
    void putItem(user, assistant?.id ?? newItemId(), value);
    back();
  }
  const title = assistant ? words.assistant : words.new;
  return (
    <Dialog label={title} className="style-dialog" onClose={onClose}>
      <form onSubmit={submit}>
        <h2 className="dialog-title">{title}</h2>
        <p className="dialog-text">{words.what}</p>
        <Field label={words.name} error={nameError}>
          {(props) => (
            <input
              {...props}
              className="dialog-field"
              dir="auto"
              autoComplete="off"
              maxLength={ITEM_LIMITS.nameChars}
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <Field label={words.greeting} note={words.greetingWhat}>
          {(props) => (
            <textarea
              {...props}
              className="dialog-field"
              dir="auto"
              rows={2}
              maxLength={ITEM_LIMITS.greetingChars}
              value={greeting}
              onChange={(event) => setGreeting(event.target.value)}
            />
          )}
        </Field>
        <StyleFields draft={draft} errors={errors} onChange={(change) => setDraft({ ...draft, ...change })} />
        <div className="dialog-actions">
          <Button onClick={back}>{common.cancel}</Button>
          <Button tone="primary" type="submit">
            {styleWords.save}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
