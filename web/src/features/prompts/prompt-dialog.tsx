import { type FormEvent, useState } from 'react';
import { ITEM_LIMITS } from '../../../../src/protocol/chat-settings.ts';
import { type ItemOf, newItemId, putItem } from '../../data/items.ts';
import { showOverlay } from '../../data/overlay.ts';
import { useSession } from '../../data/session-context.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Field, focusFirstError } from '../../ui/field.tsx';
import { showToast } from '../../ui/toasts.tsx';
import { common } from '../../ui/words.ts';
import { words } from './words.ts';

type PromptDialogProps = {
  /** Null: a new one. */
  prompt: ItemOf<'prompt'> | null;
  /** Of a new one that is made from what is being written. */
  text?: string;
  onClose(): void;
};

export default function PromptDialog({ prompt, text: begin, onClose }: PromptDialogProps) {
  const { user } = useSession();
  const [name, setName] = useState(prompt?.name ?? '');
  const [text, setText] = useState(prompt?.text ?? begin ?? '');
  const [refused, setRefused] = useState(false);
  const missing = { name: name.trim() === '', text: text.trim() === '' };
  const leave = (): void => (begin === undefined ? showOverlay({ kind: 'prompts' }) : onClose());

  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const form = event.currentTarget;
    if (missing.name || missing.text) {
      setRefused(true);
      requestAnimationFrame(() => focusFirstError(form));
      return;
    }
    leave();
    const value = { kind: 'prompt' as const, name: name.trim(), text: text.trim() };
    const isKept = await putItem(user, prompt?.id ?? newItemId(), value);
    if (isKept && begin !== undefined) showToast({ text: words.saved({ name: value.name }) });
  }

  const title = prompt ? words.prompt : words.new;
  return (
    <Dialog label={title} className="keep-dialog" onClose={onClose}>
      <form onSubmit={submit}>
        <h2 className="dialog-title">{title}</h2>
        <Field label={words.name} error={refused && missing.name ? words.needsName : undefined}>
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
        <Field label={words.text} note={words.textWhat} error={refused && missing.text ? words.needsText : undefined}>
          {(props) => (
            <textarea
              {...props}
              className="dialog-field prompt-body"
              dir="auto"
              rows={6}
              maxLength={ITEM_LIMITS.promptChars}
              placeholder="… {{name}} …"
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          )}
        </Field>
        <div className="dialog-actions">
          <Button onClick={leave}>{common.cancel}</Button>
          <Button tone="primary" type="submit">
            {words.save}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
