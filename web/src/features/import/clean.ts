import { IMPORT_LIMITS } from './plan.ts';

/** As a database can keep it: whole characters, and no NUL. */
export const cleanText = (text: string): string => text.toWellFormed().replaceAll('\0', '');

/** At most so many Unicode characters. */
export function cutTo(text: string, most: number): string {
  return text.length <= most ? text : [...text.slice(0, most * 2)].slice(0, most).join('');
}

/** On one line. What has no title is called by its first words. */
export function titleOf(title: unknown, firstWords: string): string {
  const clean = (text: string): string =>
    cleanText(text)
      .replaceAll(/[\s\p{Cc}]+/gu, ' ')
      .trim();
  const words = clean(typeof title === 'string' ? title : '') || clean(firstWords.slice(0, 400));
  return cutTo(words, words === clean(String(title ?? '')) ? IMPORT_LIMITS.titleChars : 60) || '…';
}

/** Seconds, milliseconds, microseconds or nanoseconds since 1970, or ISO 8601; undefined: not known. */
export function timeOf(value: unknown): string | undefined {
  const ms =
    typeof value === 'string' ? Date.parse(value) : typeof value === 'number' ? inMilliseconds(value) : Number.NaN;
  const isTime = ms > 0 && ms < Date.UTC(9999, 11, 31);
  return isTime ? new Date(ms).toISOString() : undefined;
}

function inMilliseconds(value: number): number {
  if (value < 1e11) return value * 1000;
  if (value < 1e14) return value;
  return value < 1e17 ? value / 1e3 : value / 1e6;
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
