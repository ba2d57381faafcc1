import { currentLocale } from './words.ts';

/** Numbers, dates and order as the language of the page writes them. */
export const formatNumber = (number: number, options?: Intl.NumberFormatOptions): string =>
  number.toLocaleString(currentLocale(), options);

export const formatDate = (date: Date | string, options?: Intl.DateTimeFormatOptions): string =>
  new Date(date).toLocaleDateString(currentLocale(), options);

export const compareText = (a: string, b: string): number => a.localeCompare(b, currentLocale());
