import { type KeyboardEvent, useEffect, useId, useRef, useState } from 'react';
import { type ItemOf, useItems } from '../../data/items.ts';
import { showOverlay } from '../../data/overlay.ts';
import { compareText } from '../../words/format.ts';
import { findPrompts, variablesOf } from './prompt-text.ts';
import { VariablesDialog } from './variables-dialog.tsx';
import { words } from './words.ts';
import './prompt-picker.css';

type PromptPickerProps = {
  text: string;
  onText(text: string): void;
  onPick(prompt: string): void;
  /** `emptied`: nothing that was typed is to stay. */
  onCancel(how: 'kept' | 'emptied' | 'left'): void;
};

/** Saved prompts over the message field, found as one types. */
export default function PromptPicker({ text, onText, onPick, onCancel }: PromptPickerProps) {
  const prompts = useItems('prompt').toSorted((a, b) => compareText(a.name, b.name));
  const found = findPrompts(prompts, text);
  const [chosen, setChosen] = useState(0);
  const [asking, setAsking] = useState<ItemOf<'prompt'> | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const current = useRef<HTMLDivElement>(null);
  const list = useId();
  const at = Math.min(chosen, found.length - 1);
  useEffect(() => {
    const input = field.current;
    input?.focus();
    input?.setSelectionRange(input.value.length, input.value.length);
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: runs when another is chosen.
  useEffect(() => {
    current.current?.scrollIntoView({ block: 'nearest' });
  }, [at]);

  function pick(prompt: ItemOf<'prompt'>): void {
    if (variablesOf(prompt.text).length > 0) setAsking(prompt);
    else onPick(prompt.text);
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.nativeEvent.isComposing) return;
    const prompt = found[at];
    if (event.key === 'ArrowDown') setChosen(Math.min(at + 1, found.length - 1));
    else if (event.key === 'ArrowUp') setChosen(Math.max(at - 1, 0));
    else if (event.key === 'Enter') prompt ? pick(prompt) : onCancel('kept');
    else if (event.key === 'Escape') onCancel('kept');
    else if (event.key === 'Backspace' && text === '') onCancel('emptied');
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  if (asking) return <VariablesDialog prompt={asking} onPut={onPick} onCancel={() => onCancel('kept')} />;
  const optionId = (index: number): string => `${list}-${index}`;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it only hears that the focus has left it.
    <div
      className="prompt-picker"
      onBlur={(event) => {
        // Of a window that is left the focus comes back.
        if (document.hasFocus() && !event.currentTarget.contains(event.relatedTarget)) onCancel('left');
      }}
    >
      <div id={list} className="prompt-list" role="listbox" aria-label={words.prompts}>
        {found.map((prompt, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are the field's, as of any combobox.
          // biome-ignore lint/a11y/useFocusableInteractive: the field keeps the focus and names the option.
          <div
            key={prompt.id}
            id={optionId(index)}
            ref={index === at ? current : null}
            role="option"
            aria-selected={index === at}
            className="prompt-option"
            // The field keeps the focus.
            onPointerDown={(event) => event.preventDefault()}
            onClick={() => pick(prompt)}
            onPointerMove={() => setChosen(index)}
          >
            <span className="prompt-name" dir="auto">
              {prompt.name}
            </span>
            <span className="prompt-text" dir="auto">
              {prompt.text}
            </span>
          </div>
        ))}
      </div>
      <p className={found.length > 0 ? 'visually-hidden' : 'prompt-none'} role="status">
        {found.length > 0 ? words.found({ count: found.length }) : prompts.length === 0 ? words.none : words.noneFound}
      </p>
      <div className="prompt-field">
        <span aria-hidden="true">/</span>
        <input
          ref={field}
          type="text"
          role="combobox"
          dir="auto"
          value={text}
          placeholder={words.find}
          aria-label={words.find}
          aria-autocomplete="list"
          aria-expanded={found.length > 0}
          aria-controls={list}
          aria-activedescendant={found.length > 0 ? optionId(at) : undefined}
          autoComplete="off"
          onChange={({ target: { value } }) => {
            onText(value);
            setChosen(0);
            // Words that no prompt has are a message.
            if (/[\s/]/.test(value) && findPrompts(prompts, value).length === 0) onCancel('kept');
          }}
          onKeyDown={onKeyDown}
        />
        <button
          type="button"
          onClick={() => {
            onCancel('left');
            showOverlay({ kind: 'prompts' });
          }}
        >
          {prompts.length === 0 ? words.new : words.manage}
        </button>
      </div>
    </div>
  );
}
