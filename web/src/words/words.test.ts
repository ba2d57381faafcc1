import { beforeEach, describe, expect, it } from 'vitest';
import { ERRORS } from '../../../src/protocol/errors.ts';
import { firstSpoken, LANGUAGES, type Language, localeOf } from './languages.ts';
import type { Catalogue, Plural, Translation } from './translation.ts';
import { catalogue, FEATURE, speak, translated } from './words.ts';

const ENGLISH = Object.values(
  import.meta.glob<Record<string, object>>(
    ['../**/words.ts', '../**/*-words.ts', '!./words.ts', '!../**/*in-words.ts'],
    {
      eager: true,
    },
  ),
).flatMap((module) => Object.values(module));

const TRANSLATIONS = import.meta.glob<{ default: Translation }>('./??.ts', { eager: true });
const OTHERS = Object.keys(LANGUAGES).filter((language): language is Exclude<Language, 'en'> => language !== 'en');
const translationOf = (language: Language): Translation => TRANSLATIONS[`./${language}.ts`]!.default;

const featureOf = (words: object): string => String(Reflect.get(words, FEATURE));

/** The English texts as they are written, by feature; the name is what a translation is found by. */
const SOURCES = new Map(ENGLISH.map((words) => [featureOf(words), sourceOf(words)]));

function sourceOf(words: object): Catalogue {
  return Object.fromEntries(
    Object.entries(Object.getOwnPropertyDescriptors(words)).map(([key, { value }]) => [key, value]),
  );
}

const textsOf = (entry: string | Plural): string[] => (typeof entry === 'string' ? [entry] : Object.values(entry));

/** What a text has places for. The form for one thing need not say the number. */
const placesOf = (text: string): string[] =>
  [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!).filter((name) => name !== 'count');

const sorted = (names: Iterable<string>): string[] => [...new Set(names)].sort();

describe.each(OTHERS)('%s', (language) => {
  const translation = translationOf(language);
  const rules = new Intl.PluralRules(language).resolvedOptions().pluralCategories.toSorted();

  it('has every text', () => {
    const missing = [...SOURCES, ['errors', ERRORS] as const].flatMap(([feature, source]) =>
      Object.keys(source)
        .filter((key) => translation[feature]?.[key] === undefined)
        .map((key) => `${feature}.${key}`),
    );
    expect(missing).toEqual([]);
  });

  it('has no text that nobody asks for', () => {
    for (const [feature, texts] of Object.entries(translation)) {
      const known = feature === 'errors' ? ERRORS : SOURCES.get(feature);
      expect(Object.keys(known ?? {}), feature).toEqual(expect.arrayContaining(Object.keys(texts)));
    }
  });

  it('has the same places in each text, and a form for each way to count', () => {
    for (const [feature, source] of SOURCES) {
      for (const [key, english] of Object.entries(source)) {
        const text = translation[feature]?.[key];
        if (text === undefined) continue;
        const counts = textsOf(english).some((each) => each.includes('{count}'));
        for (const each of textsOf(text)) {
          expect(sorted(placesOf(each)), `${feature}.${key}`).toEqual(sorted(textsOf(english).flatMap(placesOf)));
          expect(each.includes('{count}') && !counts, `${feature}.${key}`).toBe(false);
        }
        if (typeof text === 'string') expect(typeof english === 'string' || counts, `${feature}.${key}`).toBe(true);
        else expect(Object.keys(text).sort(), `${feature}.${key}`).toEqual(rules);
      }
    }
  });
});

describe('a text', () => {
  beforeEach(() => speak('en', 'en-US'));

  const words = catalogue('happened', {
    archived: 'Archived “{title}”.',
    files: { one: '{count} file', other: '{count} files' },
  });

  it('counts and writes numbers as the language does', () => {
    expect(words.files({ count: 1 })).toBe('1 file');
    expect(words.files({ count: 12_345 })).toBe('12,345 files');
  });

  it('holds names that are written the other way apart from the sentence', () => {
    expect(words.archived({ title: 'Plain' })).toBe('Archived “Plain”.');
    expect(words.archived({ title: 'مرحبا' })).toBe('Archived “\u2068مرحبا\u2069”.');
  });

  it('is in English where there is no other', async () => {
    await speak('ar', 'ar');
    expect(words.files({ count: 2 })).toContain('files');
    expect(translated('errors', 'no such code')).toBeUndefined();
  });
});

it('speaks the first language of the browser that it knows, with the numbers and dates of the place', () => {
  expect(firstSpoken(['pt-BR', 'de-AT', 'fr'])).toBe('de');
  expect(firstSpoken(['zh-TW'])).toBe('zh');
  expect(firstSpoken([])).toBe('en');
  expect(localeOf('de', ['en-US', 'de-AT'])).toBe('de-AT');
  expect(localeOf('de', ['en-US'])).toBe('de');
});
