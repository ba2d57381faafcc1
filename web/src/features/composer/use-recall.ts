import { type KeyboardEvent, useRef } from 'react';
import { type Message, unfold } from './attachments.ts';

/**
 * ↑ in an empty field brings back what was said last, again what was said before it; ↓ leads back to the
 * empty field. A recalled text that was changed is a draft like any other.
 */
export function useRecall(
  said: readonly string[],
  draft: Message,
  setDraft: (message: Message) => void,
): (event: KeyboardEvent) => boolean {
  const recalled = useRef<{ back: number; text: string } | null>(null);
  return (event) => {
    if ((event.key !== 'ArrowUp' && event.key !== 'ArrowDown') || event.shiftKey || event.altKey) return false;
    const empty = draft.text === '' && draft.attachments.length === 0;
    const at = recalled.current?.text === draft.text ? recalled.current.back : 0;
    if (!empty && at === 0) return false;
    const back = at + (event.key === 'ArrowUp' ? 1 : -1);
    const source = back === 0 ? '' : said.at(-back);
    if (back < 0 || source === undefined) return false;
    const message = unfold(source);
    recalled.current = { back, text: message.text };
    setDraft(message);
    return true;
  };
}
