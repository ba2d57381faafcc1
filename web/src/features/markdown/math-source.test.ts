import { describe, expect, it } from 'vitest';
import { splitBlocks } from './blocks.ts';
import { readMath } from './math-source.ts';

describe('mathematics in a text', () => {
  it.each([
    ['It costs $5, or $6 for two.', null],
    ['From $5/$6 to $10', null],
    ['`$x$` and ```\n\\[x\\]\n```', null],
    ['Nothing of the kind', null],
    ['The sum $a+b$ for $5', 'The sum $a+b$ for \\$5'],
    ['Inline \\( a^2 \\) too', 'Inline $a^2$ too'],
    ['\\[\na = b\n\\]', '$$\na = b\n$$'],
    ['- x\n  $$y$$', '- x\n  $$\n  y\n  $$'],
    ['in a line $$y$$ stays there', 'in a line $$y$$ stays there'],
    ['code `$a$` beside $b$', 'code `$a$` beside $b$'],
  ])('%j', (source, text) => {
    expect(readMath(source)).toBe(text);
  });

  it('is one block with the blank lines in it, and does not swallow what follows', () => {
    expect(splitBlocks('$$\na\n\n= b\n$$\n\nText')).toEqual(['$$\na\n\n= b\n$$\n\n', 'Text']);
    expect(splitBlocks('\\[\na\n\n= b\n\\]\n\nText')).toEqual(['\\[\na\n\n= b\n\\]\n\n', 'Text']);
    expect(splitBlocks('$$ open\n\n```js\ncode\n```')).toEqual(['$$ open\n\n', '```js\ncode\n```']);
  });
});
