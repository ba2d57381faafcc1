import { leavesMathOpen } from './math-source.ts';

let complete: ((text: string) => string) | null = null;

/** Half-typed syntax with its end. What knows it is loaded with the first answer that is being written. */
export function closeMarkup(source: string): string {
  if (!complete) {
    void import('remend').then(({ default: remend }) => {
      complete = (text) => remend(text, { linkMode: 'text-only' });
    });
    return source;
  }
  const text = complete(source);
  return leavesMathOpen(text) ? `${text}${text.includes('\\[') ? '\\]' : '$$'}` : text;
}
