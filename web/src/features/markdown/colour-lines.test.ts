import fc from 'fast-check';
import { common, createLowlight } from 'lowlight';
import { expect, it } from 'vitest';
import { colourLines, cutLine } from './colour-lines.ts';

const lowlight = createLowlight(common);
const colour = (code: string, language: string) => {
  const spans = colourLines(lowlight.highlight(language, code));
  return code.split('\n').map((line, index) => cutLine(line, spans[index] ?? ''));
};

it('knows comments, strings, numbers and keywords', () => {
  expect(colour('const a = "x"; // 2', 'typescript')[0]).toEqual([
    { kind: 'keyword', text: 'const' },
    { kind: 'plain', text: ' a = ' },
    { kind: 'string', text: '"x"' },
    { kind: 'plain', text: '; ' },
    { kind: 'comment', text: '// 2' },
  ]);
});

it('goes on over lines inside a comment', () => {
  expect(colour('a /* begins\nends */ b', 'js')[1]?.[0]).toEqual({ kind: 'comment', text: 'ends */' });
});

it('never loses a letter', () => {
  const letters = fc.constantFrom(
    'a',
    ' ',
    '\n',
    '"',
    "'",
    '`',
    '/',
    '*',
    '#',
    '-',
    '<',
    '!',
    '1',
    '.',
    '\\',
    '漢',
    '😀',
  );
  fc.assert(
    fc.property(
      fc.string({ unit: letters }),
      fc.constantFrom('js', 'python', 'sql', 'html', 'css'),
      (code, language) => {
        const joined = colour(code, language).map((line) => line.map(({ text }) => text).join(''));
        expect(joined.join('\n')).toBe(code);
      },
    ),
  );
});
