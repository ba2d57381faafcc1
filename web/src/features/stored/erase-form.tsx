import { type FormEvent, useState } from 'react';
import { ApiError } from '../../../../client/api-error.ts';
import { errorInWords } from '../../data/in-words.ts';
import { queryClient } from '../../data/query-client.ts';
import { useSession } from '../../data/session-context.ts';
import { Button } from '../../ui/button.tsx';
import { Field, focusFirstError } from '../../ui/field.tsx';
import { common } from '../../ui/words.ts';
import { clearBrowser } from './browser-storage.ts';
import type { Erasure } from './deletion-receipt.tsx';
import { words } from './words.ts';

type EraseFormProps = { onCancel(): void; onErased(erasure: Erasure): void };

/** Nothing goes before the words were typed. */
export function EraseForm({ onCancel, onErased }: EraseFormProps) {
  const { user } = useSession();
  const [typed, setTyped] = useState('');
  const [refused, setRefused] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const isTyped = typed.trim().toLocaleLowerCase() === words.phrase.toLocaleLowerCase();

  async function erase(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const form = event.currentTarget;
    if (!isTyped) {
      setRefused(true);
      requestAnimationFrame(() => focusFirstError(form));
      return;
    }
    setBusy(true);
    try {
      const receipt = await user.removeEverything().catch((error: unknown) => {
        if (error instanceof ApiError && error.code === 'user_not_found') return null;
        throw error;
      });
      await queryClient.cancelQueries();
      onErased({ receipt, browserEntries: await clearBrowser() });
    } catch (error) {
      setFailure(errorInWords(error));
      setBusy(false);
    }
  }

  return (
    <form onSubmit={erase}>
      <h2 className="dialog-title">{words.deleteAll}</h2>
      <p className="dialog-text">{words.deleteWhat}</p>
      <p className="dialog-text">{words.backups}</p>
      <Field label={words.typeIt({ phrase: words.phrase })} error={refused && !isTyped ? words.typeWhat : undefined}>
        {(props) => (
          <input
            {...props}
            // biome-ignore lint/a11y/noAutofocus: the one field of a step that was asked for.
            autoFocus
            className="dialog-field"
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            dir="auto"
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
        )}
      </Field>
      {failure !== null && (
        <p className="field-error" role="alert">
          {failure}
        </p>
      )}
      <div className="dialog-actions">
        <Button onClick={onCancel} disabled={busy}>
          {common.cancel}
        </Button>
        <Button tone="danger" type="submit" disabled={busy}>
          {busy ? words.deleting : words.deleteForGood}
        </Button>
      </div>
    </form>
  );
}
