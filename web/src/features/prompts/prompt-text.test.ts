import { expect, test } from 'vitest';
import { fillPrompt, findPrompts, variablesOf } from './prompt-text.ts';

test('a prompt names what it asks for, each once', () => {
  expect(variablesOf('Sum up {{ text }} for {{who}}: {{text}}')).toEqual(['text', 'who']);
  expect(variablesOf('{{}} {{\n}} {single} {{a{b}}')).toEqual([]);
  expect(variablesOf('{{対象}}')).toEqual(['対象']);
});

test('what is typed is put in as it is', () => {
  expect(fillPrompt('{{a}} and {{b}}, {{ a }}', { a: '$& {{b}}', b: '' })).toBe('$& {{b}} and , $& {{b}}');
});

test('names that begin with the words come first, and texts are looked through too', () => {
  const prompts = [
    { name: 'A tidy summary', text: '' },
    { name: 'Translate', text: 'the sum of it' },
    { name: 'Summary', text: '' },
    { name: 'Other', text: '' },
  ];
  expect(findPrompts(prompts, 'SUM').map(({ name }) => name)).toEqual(['Summary', 'A tidy summary', 'Translate']);
  expect(findPrompts(prompts, '')).toHaveLength(4);
});
