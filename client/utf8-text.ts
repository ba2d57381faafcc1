/** UTF-8 bytes of a text, counted without encoding it. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) continue;
    // A surrogate pair is two units and four bytes, so each half adds one.
    bytes += code < 0x800 || (code >= 0xd800 && code <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}

/**
 * The first `keep` bytes of a text that is `length` bytes long. Walks from the end, since rewinds are
 * short; an offset inside a character drops that character.
 */
export function utf8Prefix(text: string, length: number, keep: number): string {
  let bytes = length;
  let end = text.length;
  while (bytes > keep && end > 0) {
    const code = text.charCodeAt(end - 1);
    const isPair = code >= 0xdc00 && code <= 0xdfff && end > 1;
    bytes -= isPair ? 4 : code < 0x80 ? 1 : code < 0x800 ? 2 : 3;
    end -= isPair ? 2 : 1;
  }
  return text.slice(0, end);
}
