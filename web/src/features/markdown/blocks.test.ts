import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBlockSplitter, readFence, splitBlocks } from './blocks.ts';

const PIECES = [
  'A paragraph\nof two lines\n\n',
  '# Heading\n',
  'Setext\n===\n\n',
  '- one\n- two\n  - deeper\n\n',
  '1. first\n\n2. second\n\n',
  '```js\nconst a = 1;\n\n// blank line above\n```\n\n',
  '~~~\ntilde ``` inside\n~~~\n',
  '    indented code\n\n',
  '| a | b |\n|---|---|\n| 1 | 2 |\n\n',
  '> quoted\n> more\n\n',
  '---\n\n',
  '<div>\nhtml\n</div>\n\n',
  'Text **bold** `code`\n\n',
  '$$\na\n\n- b\n$$\n\n',
  'Costs $$ or \\[ more\n\n',
];

const text = fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 10 }).map((pieces) => pieces.join(''));

describe('the blocks of a text', () => {
  it('are the text when joined', () => {
    fc.assert(fc.property(text, (whole) => splitBlocks(whole).join('') === whole));
  });

  it('are the same whether the text came at once or grew by any steps', () => {
    fc.assert(
      fc.property(text, fc.array(fc.nat({ max: 400 }), { maxLength: 25 }), (whole, cuts) => {
        const split = createBlockSplitter();
        for (const cut of [...cuts].sort((a, b) => a - b)) split(whole.slice(0, cut));
        expect(split(whole)).toEqual(splitBlocks(whole));
      }),
    );
  });

  it('start again when the text is another', () => {
    const split = createBlockSplitter();
    split('One\n\nTwo\n\nThree\n\nFour');
    expect(split('One\n\nTwo')).toEqual(splitBlocks('One\n\nTwo'));
    expect(split('Other\n\nwords')).toEqual(splitBlocks('Other\n\nwords'));
  });

  it('stay the very same strings where they are finished', () => {
    const split = createBlockSplitter();
    const before = split('One\n\nTwo\n\nThree\n\nFo');
    const after = split('One\n\nTwo\n\nThree\n\nFour\n\nFive');
    expect(after.slice(0, 2)).toEqual(before.slice(0, 2));
  });
});

describe('a fence', () => {
  it('is read open and closed, with its language', () => {
    expect(readFence('```ts title=x\nconst a = 1;\n')).toEqual({ language: 'ts', code: 'const a = 1;', closed: false });
    expect(readFence('```ts\nconst a = 1;\n```\n\n')).toEqual({ language: 'ts', code: 'const a = 1;', closed: true });
    expect(readFence('```')).toEqual({ language: '', code: '', closed: false });
  });

  it('ends only with as many marks of its own kind', () => {
    expect(readFence('````\n```\ninside\n```\n````')).toEqual({ language: '', code: '```\ninside\n```', closed: true });
    expect(readFence('~~~\n```\n~~~')).toMatchObject({ code: '```', closed: true });
    expect(readFence('A paragraph')).toBeNull();
  });
});
