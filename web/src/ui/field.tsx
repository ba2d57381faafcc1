import { type ReactNode, useId } from 'react';
import './field.css';

type FieldProps = {
  label: string;
  aside?: string | undefined;
  error?: string | undefined;
  note?: string;
  children(props: { id: string; 'aria-invalid': boolean; 'aria-describedby': string }): ReactNode;
};

/** One field under its name, with what is wrong with it. */
export function Field({ label, aside, error, note, children }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>
        {label}
        {aside && <span className="field-aside">{aside}</span>}
      </label>
      {children({ id, 'aria-invalid': error !== undefined, 'aria-describedby': `${id}-note` })}
      <p id={`${id}-note`} className={error ? 'field-error' : 'field-note'} role={error ? 'alert' : undefined}>
        {error ?? note}
      </p>
    </div>
  );
}

/** Where the keyboard goes when a form is refused. */
export function focusFirstError(form: HTMLFormElement): void {
  form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
}
