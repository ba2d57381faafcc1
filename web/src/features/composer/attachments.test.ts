import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fold, RefusedFile, readTextFile, unfold } from './attachments.ts';

const words = fc.string({ unit: fc.constantFrom('a', ' ', '`', '```', '\n', 'Attached: ', '漢') });

describe('a message with texts', () => {
  it('is taken apart as it was put together', () => {
    const attachment = fc.record({ name: fc.constantFrom('a.txt', 'Pasted text', 'b c.ts'), text: words });
    fc.assert(
      fc.property(fc.array(attachment, { maxLength: 3 }), (attachments) => {
        const folded = fold({ text: 'Read this', attachments });
        const expected = attachments.map(({ name, text }) => ({ name, text: text.replace(/\n$/, '') }));
        expect(unfold(folded)).toEqual({ text: 'Read this', attachments: expected });
      }),
    );
  });

  it('is left alone without them', () => {
    expect(unfold('Attached: nothing\n```\nopen')).toEqual({ text: 'Attached: nothing\n```\nopen', attachments: [] });
  });
});

describe('a file', () => {
  const file = (content: BlobPart, name = 'a.txt') => new File([content], name);

  it('is taken as text with its line ends made plain', async () => {
    expect(await readTextFile(file('a\r\nb'))).toEqual({ name: 'a.txt', text: 'a\nb' });
  });

  it.each([
    ['too large', file('x'.repeat(200_000)), /larger than 128 KB/],
    ['empty', file(''), /is empty/],
    ['no text', file(new Uint8Array([0x89, 0x50, 0xff, 0xfe]), 'a.png'), /a\.png is not a text/],
    ['text with zeros', file('a\0b'), /is not a text/],
  ])('is refused: %s', async (_, refused, words) => {
    const attempt = readTextFile(refused);
    await expect(attempt).rejects.toThrow(RefusedFile);
    await expect(attempt).rejects.toThrow(words);
  });
});
