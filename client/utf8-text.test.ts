import fc from 'fast-check';
import { expect, it } from 'vitest';
import { utf8Length, utf8Prefix } from './utf8-text.ts';

const text = fc.string({ unit: fc.constantFrom('a', 'ß', '漢', '🦜', '\u0301', '👩‍👩‍👧', '\n') });

it('counts bytes as an encoder does', () => {
  fc.assert(fc.property(text, (value) => utf8Length(value) === new TextEncoder().encode(value).length));
});

it('cuts at every character boundary as an encoder and decoder do', () => {
  fc.assert(
    fc.property(text, (value) => {
      const all = new TextEncoder().encode(value);
      let prefix = '';
      for (const character of ['', ...value]) {
        prefix += character;
        expect(utf8Prefix(value, all.length, utf8Length(prefix))).toBe(prefix);
      }
    }),
  );
});

it('drops a character that an offset falls into', () => {
  expect(utf8Prefix('a🦜b', 6, 3)).toBe('a');
});
