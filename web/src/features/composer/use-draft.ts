import { useEffect, useState } from 'react';
import type { Message } from './attachments.ts';

const keyOf = (number: number | null): string => `chatterbot.draft.${number ?? 'new'}`;
const EMPTY: Message = { text: '', attachments: [] };

function read(number: number | null): Message {
  try {
    return { ...EMPTY, ...(JSON.parse(localStorage.getItem(keyOf(number)) ?? '{}') as Partial<Message>) };
  } catch {
    return EMPTY;
  }
}

function forget(number: number | null): void {
  try {
    localStorage.removeItem(keyOf(number));
  } catch {
    // Storage may be forbidden.
  }
}

/** What is typed and attached and not sent, kept per conversation across reloads. Mount one per conversation. */
export function useDraft(
  number: number | null,
): [draft: Message, change: (change: Partial<Message>) => void, clear: () => void] {
  const [draft, setDraft] = useState(() => read(number));
  useEffect(() => {
    try {
      if (draft.text || draft.attachments.length > 0) localStorage.setItem(keyOf(number), JSON.stringify(draft));
      else localStorage.removeItem(keyOf(number));
    } catch {
      // Storage may be full or forbidden; the text is still in the field.
    }
  }, [number, draft]);
  return [
    draft,
    (change) => setDraft((before) => ({ ...before, ...change })),
    () => {
      setDraft(EMPTY);
      // The first message of a conversation takes this field away before it could forget.
      forget(number);
    },
  ];
}
