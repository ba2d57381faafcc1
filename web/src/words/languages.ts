/** What the page speaks, each by its own name. */
export const LANGUAGES = {
  en: 'English',
  de: 'Deutsch',
  es: 'Español',
  fr: 'Français',
  zh: '简体中文',
  ja: '日本語',
  ar: 'العربية',
  hi: 'हिन्दी',
} as const;

export type Language = keyof typeof LANGUAGES;

/** As `<html>` is told. */
export const tagOf = (language: Language): string => (language === 'zh' ? 'zh-Hans' : language);

export const directionOf = (language: Language): 'ltr' | 'rtl' => (language === 'ar' ? 'rtl' : 'ltr');

const languageOf = (tag: string): string => tag.toLowerCase().split('-')[0] ?? '';

/** The first of a person's languages that the page speaks. */
export function firstSpoken(wanted: readonly string[]): Language {
  const known = wanted.map(languageOf).find((language) => Object.hasOwn(LANGUAGES, language));
  return (known as Language | undefined) ?? 'en';
}

/** How numbers and dates are written: as where the person lives, where they said so in that language. */
export function localeOf(language: Language, wanted: readonly string[]): string {
  return wanted.find((tag) => languageOf(tag) === language) ?? language;
}
