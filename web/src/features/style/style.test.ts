import { describe, expect, test } from 'vitest';
import { originOf } from './origin.ts';
import { draftOf, readDraft, STYLES, styleOf } from './style.ts';

const EMPTY = draftOf({});

describe('settings as they are written', () => {
  test('are read back as they were', () => {
    const settings = { model: 'm', system_prompt: 'Rhyme.', temperature: 0.33, top_p: 0.5, max_tokens: 300 };
    expect(readDraft(draftOf(settings))).toEqual({ settings, errors: {} });
    expect(readDraft(EMPTY)).toEqual({ settings: {}, errors: {} });
  });

  test.each(['precise', 'balanced', 'free'] as const)('%s stands for its figures', (style) => {
    const { settings } = readDraft({ ...EMPTY, style, temperature: '9' });
    expect(settings).toEqual(STYLES[style]);
    expect(styleOf(settings)).toBe(style);
  });

  test.each([
    [{ temperature: '2.1' }, { temperature: 'A number from 0 to 2.' }],
    [{ temperature: '-0.1' }, { temperature: 'A number from 0 to 2.' }],
    [{ topP: '0' }, { topP: 'A number from 0.01 to 1.' }],
    [{ topP: 'much' }, { topP: 'A number from 0.01 to 1.' }],
    [{ maxTokens: '0' }, { maxTokens: 'A whole number from 1 to 4,096.' }],
    [{ maxTokens: '10.5' }, { maxTokens: 'A whole number from 1 to 4,096.' }],
    [{ instructions: 'x'.repeat(8001) }, { instructions: '8,001 characters; 8,000 fit.' }],
  ])('%j is refused', (draft, errors) => {
    expect(readDraft({ ...EMPTY, style: 'exact', ...draft }).errors).toEqual(errors);
  });

  test('a decimal comma is one, and characters are counted as people do', () => {
    const draft = { ...EMPTY, style: 'exact' as const, temperature: '0,4', instructions: '😀'.repeat(8000) };
    expect(readDraft(draft)).toMatchObject({ settings: { temperature: 0.4 }, errors: {} });
  });
});

test('what holds says where it comes from', () => {
  const defaults = { system_prompt: 'Be brief.', temperature: 0.2 };
  const tutor = { name: 'Tutor', settings: { system_prompt: 'Teach.', temperature: 0.2 } };
  const begun = { ...defaults, ...tutor.settings, assistant: tutor.name };
  const of = (settings: object, field: 'system_prompt' | 'temperature' | 'max_tokens') =>
    originOf(settings, [field], { defaults, assistant: tutor.settings });
  expect(of(begun, 'system_prompt')).toBe('assistant');
  expect(of({ ...begun, system_prompt: 'Be brief.' }, 'system_prompt')).toBe('default');
  expect(of({ ...begun, system_prompt: 'Sing.' }, 'system_prompt')).toBe('chat');
  expect(of(begun, 'max_tokens')).toBe('model');
  expect(originOf(defaults, ['temperature'], { defaults, assistant: null })).toBe('default');
});
