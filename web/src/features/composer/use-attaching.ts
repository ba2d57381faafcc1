import { type ClipboardEvent, type DragEvent, useState } from 'react';
import {
  type Attachment,
  fold,
  LONG_PASTE_CHARS,
  MESSAGE_CHARS,
  type Message,
  RefusedFile,
  readTextFile,
} from './attachments.ts';
import { words } from './words.ts';

/** Files and long pastes on their way into a message. `refused`: why the last one could not be taken. */
export function useAttaching(draft: Message, setDraft: (change: Partial<Message>) => void) {
  const [refused, setRefused] = useState<string | null>(null);
  const [over, setOver] = useState(false);

  function put(added: readonly Attachment[]): void {
    const attachments = [...draft.attachments, ...added];
    const length = fold({ ...draft, attachments }).length;
    if (length > MESSAGE_CHARS) {
      setRefused(words.tooLong({ count: length, most: MESSAGE_CHARS }));
      return;
    }
    setRefused(null);
    setDraft({ attachments });
  }

  async function attach(files: readonly File[]): Promise<void> {
    try {
      put(await Promise.all(files.map(readTextFile)));
    } catch (error) {
      if (!(error instanceof RefusedFile)) throw error;
      setRefused(error.message);
    }
  }

  return {
    refused,
    over,
    attach,
    remove(index: number): void {
      setRefused(null);
      setDraft({ attachments: draft.attachments.filter((_, at) => at !== index) });
    },
    onPaste(event: ClipboardEvent): void {
      const files = [...event.clipboardData.files];
      const text = event.clipboardData.getData('text/plain');
      if (files.length === 0 && text.length < LONG_PASTE_CHARS) return;
      event.preventDefault();
      if (files.length > 0) void attach(files);
      else put([{ name: words.pastedText, text }]);
    },
    drop: {
      onDragOver(event: DragEvent): void {
        if (!event.dataTransfer.types.includes('Files')) return;
        event.preventDefault();
        setOver(true);
      },
      onDragLeave: (): void => setOver(false),
      onDrop(event: DragEvent): void {
        if (!event.dataTransfer.types.includes('Files')) return;
        event.preventDefault();
        setOver(false);
        void attach([...event.dataTransfer.files]);
      },
    },
  };
}
