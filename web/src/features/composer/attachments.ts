import { formatNumber } from '../../words/format.ts';
import { words } from './words.ts';

/** A text that goes with a message: a file, or a long paste. */
export type Attachment = { name: string; text: string };

export type Message = { text: string; attachments: readonly Attachment[] };

/** What a server takes by default; one that takes less says so. */
export const MESSAGE_CHARS = 32_000;
/** A paste that would push what is being written out of sight. */
export const LONG_PASTE_CHARS = 2_500;
const FILE_BYTES = 128 * 1024;

/** The message as the model reads it: the words, then each text under its name in a fence of its own. */
export function fold({ text, attachments }: Message): string {
  const parts = attachments.map(({ name, text: content }) => {
    const longest = Math.max(2, ...[...content.matchAll(/`{3,}/g)].map(([marks]) => marks.length));
    const fence = '`'.repeat(longest + 1);
    return `Attached: ${name}\n${fence}\n${content.replace(/\n$/, '')}\n${fence}`;
  });
  return [text.trim(), ...parts].filter((part) => part !== '').join('\n\n');
}

const FOLDED = /(?:^|\n\n)Attached: ([^\n]{1,200})\n(`{3,})\n([\s\S]*?)\n\2(?=\n\nAttached: |$)/g;

/** What `fold` made, taken apart again. */
export function unfold(message: string): Message {
  const attachments: Attachment[] = [];
  const text = message.replace(FOLDED, (_, name: string, _fence, content: string) => {
    attachments.push({ name, text: content });
    return '';
  });
  return { text, attachments };
}

export class RefusedFile extends Error {}

/** The text of a file; throws a `RefusedFile` that says why it cannot be taken. Nothing is sent anywhere. */
export async function readTextFile(file: File): Promise<Attachment> {
  if (file.size > FILE_BYTES) throw new RefusedFile(words.tooLarge({ file: file.name, count: FILE_BYTES / 1024 }));
  if (file.size === 0) throw new RefusedFile(words.empty({ file: file.name }));
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer());
    if (!text.includes('\0')) return { name: file.name.replace(/\s+/g, ' '), text: text.replace(/\r\n?/g, '\n') };
  } catch {
    // Not UTF-8.
  }
  throw new RefusedFile(words.notText({ file: file.name }));
}

/** 950 characters, 4.3k characters. */
export function sizeInWords({ text }: Attachment): string {
  if (text.length < 1000) return words.characters({ count: text.length });
  return words.thousandCharacters({ number: formatNumber(text.length / 1000, { maximumFractionDigits: 1 }) });
}
