import { createStore } from '../lib/store.ts';
import type { Language } from './languages.ts';
import type { Catalogue, Plural, Translation } from './translation.ts';

type Names<Text> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
type NamesIn<Entry> = Entry extends string ? Names<Entry> : Names<Entry[keyof Entry]> | 'count';
type Value<Name> = Name extends 'count' ? number : string | number;

/** A text, or where it has places to fill, a function of what stands in them. */
export type Words<English> = {
  readonly [Key in keyof English]: [NamesIn<English[Key]>] extends [never]
    ? string
    : (values: { [Name in NamesIn<English[Key]>]: Value<Name> }) => string;
};

type Spoken = { language: Language; locale: string; texts: Translation };

const spoken = createStore<Spoken>({ language: 'en', locale: 'en', texts: {} });

export const currentLocale = (): string => spoken.get().locale;
export const useLanguage = (): Language => spoken.use().language;

const TRANSLATIONS: Readonly<Record<Exclude<Language, 'en'>, () => Promise<{ default: Translation }>>> = {
  de: () => import('./de.ts'),
  es: () => import('./es.ts'),
  fr: () => import('./fr.ts'),
  zh: () => import('./zh.ts'),
  ja: () => import('./ja.ts'),
  ar: () => import('./ar.ts'),
  hi: () => import('./hi.ts'),
};

/** From now on every text is in that language; it is fetched first. */
export async function speak(language: Language, locale: string): Promise<void> {
  const texts = language === 'en' ? {} : (await TRANSLATIONS[language]()).default;
  spoken.set({ language, locale, texts });
}

/** Where a catalogue tells its own name. */
export const FEATURE = '@feature';

/**
 * The texts of a feature, in English here and in the language of the page when they are read: never keep one
 * outside a function.
 */
export function catalogue<const English extends Catalogue>(feature: string, english: English): Words<English> {
  return new Proxy(english, {
    get: (_, key: string) =>
      key === FEATURE ? feature : wordsOf(spoken.get().texts[feature]?.[key] ?? english[key] ?? ''),
  }) as unknown as Words<English>;
}

/** Of a feature whose English comes from elsewhere; undefined where there is no translation. */
export function translated(feature: string, key: string): string | undefined {
  const text = spoken.get().texts[feature]?.[key];
  return typeof text === 'string' ? text : undefined;
}

type Values = Readonly<Record<string, string | number>>;

function wordsOf(entry: string | Plural): string | ((values: Values) => string) {
  if (typeof entry === 'string') return entry.includes('{') ? (values) => fill(entry, values) : entry;
  return (values) => {
    const rule = new Intl.PluralRules(currentLocale()).select(Number(values.count));
    return fill(entry[rule] ?? entry.other, values);
  };
}

function fill(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name] ?? '';
    return typeof value === 'number' ? value.toLocaleString(currentLocale()) : isolated(value, text);
  });
}

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufefc]/;

/** A name that is written the other way must not turn the sentence around it. */
function isolated(value: string, text: string): string {
  const turned = RIGHT_TO_LEFT.test(text) ? /\p{Script=Latin}/u.test(value) : RIGHT_TO_LEFT.test(value);
  return turned ? `\u2068${value}\u2069` : value;
}
