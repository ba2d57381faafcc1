import { useState } from 'react';
import type { ItemOf } from '../../data/items.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Field } from '../../ui/field.tsx';
import { common } from '../../ui/words.ts';
import { keepValues, lastValues } from './last-values.ts';
import { fillPrompt, variablesOf } from './prompt-text.ts';
import { words } from './words.ts';

type VariablesDialogProps = { prompt: ItemOf<'prompt'>; onPut(text: string): void; onCancel(): void };

/** What a prompt asks for, with what was said the last time. */
export function VariablesDialog({ prompt, onPut, onCancel }: VariablesDialogProps) {
  const names = variablesOf(prompt.text);
  const [values, setValues] = useState<Readonly<Record<string, string>>>(() => {
    const last = lastValues(prompt.id);
    return Object.fromEntries(names.map((name) => [name, last[name] ?? '']));
  });
  return (
    <Dialog label={prompt.name} onClose={onCancel}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          keepValues(prompt.id, values);
          onPut(fillPrompt(prompt.text, values));
        }}
      >
        <h2 className="dialog-title" dir="auto">
          {prompt.name}
        </h2>
        {names.map((name) => (
          <Field key={name} label={name}>
            {(props) => (
              <textarea
                {...props}
                className="dialog-field prompt-value"
                dir="auto"
                rows={1}
                value={values[name]}
                onChange={(event) => setValues({ ...values, [name]: event.target.value })}
                onFocus={(event) => event.target.select()}
                onKeyDown={(event) => {
                  if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
                  event.preventDefault();
                  event.currentTarget.form?.requestSubmit();
                }}
              />
            )}
          </Field>
        ))}
        <div className="dialog-actions">
          <Button onClick={onCancel}>{common.cancel}</Button>
          <Button tone="primary" type="submit">
            {words.put}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
