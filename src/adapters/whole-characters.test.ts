import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { wholeCharacters } from './whole-characters.ts';

const anyText = fc.string({ unit: 'grapheme' }).map((text) => new TextEncoder().encode(text.toWellFormed()));

function longestValidPrefix(bytes: Uint8Array): number {
  for (let length = bytes.length; ; length--) if (isUtf8(bytes.subarray(0, length))) return length;
}

it('keeps the longest part that is whole characters, of torn text and of any bytes', () => {
  const torn = fc.tuple(anyText, fc.nat(40)).map(([text, cut]) => text.subarray(0, Math.max(0, text.length - cut)));
  const followed = fc.tuple(torn, fc.uint8Array({ maxLength: 20 })).map(([a, b]) => Uint8Array.from([...a, ...b]));
  fc.assert(
    fc.property(fc.oneof(torn, followed, fc.uint8Array()), (bytes) => {
      expect(wholeCharacters(bytes)).toBe(longestValidPrefix(bytes));
    }),
    { numRuns: 2000 },
  );
});
