import { formatNumber } from '../../words/format.ts';
import { words } from './words.ts';

const MEGABYTE = 1024 * 1024;

/** 0.4 KB, 12 KB, 3.1 MB; what there is of is never nothing. */
export function bytesInWords(bytes: number): string {
  const [size, write] =
    bytes < MEGABYTE
      ? [bytes > 0 ? Math.max(0.1, bytes / 1024) : 0, words.kilobytes]
      : [bytes / MEGABYTE, words.megabytes];
  return write({ number: formatNumber(size, { maximumFractionDigits: size < 10 ? 1 : 0 }) });
}
