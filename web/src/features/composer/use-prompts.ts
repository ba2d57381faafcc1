import { type RefObject, useLayoutEffect, useRef, useState } from 'react';
import type { Message } from './attachments.ts';

/** From a slash in an empty field, which stays in the draft as long as one looks; or beside what is written. */
type Looking = { by: 'slash' } | { by: 'menu'; text: string };

/** Looking for a saved prompt. Nothing that is typed meanwhile is lost, whatever becomes of it. */
export function usePrompts(
  draft: Message,
  setDraft: (change: Partial<Message>) => void,
  field: RefObject<HTMLTextAreaElement | null>,
  hasPrompts: boolean,
) {
  const [looking, setLooking] = useState<Looking | null>(null);
  // Prompts may come after the slash.
  const open = looking !== null && (looking.by === 'menu' || (hasPrompts && draft.text.startsWith('/')));

  const returning = useRef(false);
  useLayoutEffect(() => {
    const element = field.current;
    if (looking !== null || !returning.current || !element) return;
    returning.current = false;
    element.focus();
    element.setSelectionRange(element.value.length, element.value.length);
  }, [looking, field]);

  function back(): void {
    returning.current = true;
    setLooking(null);
  }

  return {
    look: (): void => setLooking({ by: 'menu', text: '' }),
    /** Told of every change of the field. */
    typed(text: string): void {
      if (draft.text === '' && text === '/') setLooking({ by: 'slash' });
      else if (!text.startsWith('/')) setLooking(null);
    },
    picker: open
      ? {
          text: looking.by === 'slash' ? draft.text.slice(1) : looking.text,
          onText: (text: string): void =>
            looking.by === 'slash' ? setDraft({ text: `/${text}` }) : setLooking({ by: 'menu', text }),
          onPick(prompt: string): void {
            const before = looking.by === 'slash' ? '' : draft.text.trim();
            setDraft({ text: before === '' ? prompt : `${before}\n\n${prompt}` });
            back();
          },
          onCancel(how: 'kept' | 'emptied' | 'left'): void {
            if (how === 'emptied' && looking.by === 'slash') setDraft({ text: '' });
            if (how === 'left') setLooking(null);
            else back();
          },
        }
      : null,
  };
}
