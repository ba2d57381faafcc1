/** Characters of a passage on either side of its first match. */
const REACH = 80;
const WORD = /[\p{L}\p{N}]+/gu;
/** The index keeps no longer word, so none can be found. */
const MAX_WORD_BYTES = 2_000;

/** The distinct words of a query in lower case; empty where there is nothing that could be found. */
export function wordsOf(query: string): string[] {
  const words = new Set(query.toLowerCase().match(WORD));
  return [...words].every((word) => Buffer.byteLength(word) <= MAX_WORD_BYTES) ? [...words] : [];
}

/** What stands around the first match, matches between U+E000 and U+E001. */
export function passageOf(content: string, words: readonly string[]): string {
  const wanted = new Set(words);
  const matches = [...content.matchAll(WORD)].filter(([word]) => wanted.has(word.toLowerCase()));
  const first = matches[0] ?? { index: 0, 0: '' };
  const from = Math.max(0, first.index - REACH);
  const to = Math.min(content.length, first.index + first[0].length + REACH);
  let passage = '';
  let at = from;
  for (const match of matches) {
    const end = match.index + match[0].length;
    if (end > to) break;
    passage += `${unmarked(content.slice(at, match.index))}\uE000${match[0]}\uE001`;
    at = end;
  }
  return (passage + unmarked(content.slice(at, to))).toWellFormed();
}

/** The content's own uses of the two marks would read as matches. */
function unmarked(text: string): string {
  return text.replaceAll(/[\uE000\uE001]/g, '');
}
