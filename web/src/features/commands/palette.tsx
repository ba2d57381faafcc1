import { type KeyboardEvent, useDeferredValue, useEffect, useId, useLayoutEffect, useRef, useState } from 'react';
import { Dialog } from '../../ui/dialog.tsx';
import { Icon } from '../../ui/icon.tsx';
import { KeyCaps } from './key-caps.tsx';
import { words } from './palette-words.ts';
import { Passage } from './passage.tsx';
import { type Choice, useChoices } from './use-choices.ts';
import { words as commandWords } from './words.ts';
import './palette.css';

const PAUSE_MS = 150;

type PaletteProps = { /** What was typed before it came. */ typed: { readonly current: string }; onClose(): void };

/** Conversations by title, everything that was said, and every command. */
export default function Palette({ typed, onClose }: PaletteProps) {
  const [text, setText] = useState('');
  // React may hold back for a moment what it has drawn: what is typed until it is shown counts.
  useLayoutEffect(() => setText(typed.current), [typed]);
  const [chosen, setChosen] = useState(0);
  const list = useId();
  const { groups, status } = useChoices(text.trim(), useSettled(useDeferredValue(text.trim())));
  const all = groups.flatMap((group) => group.choices);
  const at = Math.min(chosen, all.length - 1);
  const current = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: runs when another is chosen.
  useEffect(() => {
    current.current?.scrollIntoView({ block: 'nearest' });
  }, [at]);

  function pick(choice: Choice): void {
    onClose();
    choice.run();
  }

  function onKeyDown(event: KeyboardEvent): void {
    const choice = all[at];
    if (event.key === 'ArrowDown') setChosen(Math.min(at + 1, all.length - 1));
    else if (event.key === 'ArrowUp') setChosen(Math.max(at - 1, 0));
    else if (event.key === 'Enter' && choice && !event.nativeEvent.isComposing) pick(choice);
    else return;
    event.preventDefault();
  }

  const optionId = (index: number): string => `${list}-${index}`;
  return (
    <Dialog label={commandWords.searchAndCommands} className="palette" onClose={onClose}>
      <div className="palette-field">
        <Icon name="search" />
        <input
          // Not of type search: there Escape would clear the text first, and close only then.
          type="text"
          enterKeyHint="search"
          role="combobox"
          dir={text ? 'auto' : undefined}
          value={text}
          placeholder={words.type}
          aria-label={commandWords.search}
          aria-expanded={all.length > 0}
          aria-controls={list}
          aria-activedescendant={all.length > 0 ? optionId(at) : undefined}
          autoComplete="off"
          onChange={(event) => {
            setText(event.target.value);
            setChosen(0);
          }}
          onKeyDown={onKeyDown}
        />
        <kbd>Esc</kbd>
      </div>
      <div id={list} className="palette-list" role="listbox" aria-label={words.found}>
        {groups.map(({ name, choices }) => (
          // biome-ignore lint/a11y/useSemanticElements: a listbox holds groups, not fieldsets.
          <div key={name} role="group" aria-label={name}>
            <div className="palette-group" aria-hidden="true">
              {name}
            </div>
            {choices.map((choice) => {
              const index = all.indexOf(choice);
              return (
                // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are the field's, as of any combobox.
                // biome-ignore lint/a11y/useFocusableInteractive: the field keeps the focus and names the option.
                <div
                  key={choice.id}
                  id={optionId(index)}
                  ref={index === at ? current : null}
                  role="option"
                  aria-selected={index === at}
                  className="palette-option"
                  onClick={() => pick(choice)}
                  onPointerMove={() => setChosen(index)}
                >
                  <Icon name={choice.icon} />
                  <span className="palette-words">
                    <span className="palette-title" dir="auto">
                      {choice.label}
                    </span>
                    {choice.passage !== undefined && (
                      <span className="palette-passage" dir="auto">
                        <Passage text={choice.passage} />
                      </span>
                    )}
                  </span>
                  {choice.keys && <KeyCaps keys={choice.keys} />}
                </div>
              );
            })}
          </div>
        ))}
      </div>
      {status !== null && (
        <p className="palette-none" role="status">
          {status}
        </p>
      )}
    </Dialog>
  );
}

/** The value once it has rested for a moment. */
function useSettled(value: string): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
