import { formatNumber } from '../../words/format.ts';
import { words } from './words.ts';

const [MEGABYTE, GIGABYTE] = [1e6, 1e9];

const roughly = (number: number): string => formatNumber(number, { maximumFractionDigits: number < 10 ? 1 : 0 });

/** 0.4 MB, 145 MB, 1.1 GB. */
export function sizeInWords(bytes: number): string {
  if (bytes < GIGABYTE) return words.megabytes({ number: roughly(bytes / MEGABYTE) });
  return words.gigabytes({ number: roughly(bytes / GIGABYTE) });
}
