import { ApiError, ConnectionError } from '../../../client/api-error.ts';
import { formatNumber } from '../words/format.ts';
import { translated } from '../words/words.ts';
import { words } from './words.ts';

/** An error as a person reads it: what happened, and what to do where that is known. */
export function errorInWords(error: unknown): string {
  if (error instanceof ConnectionError) return words.unreachable;
  if (!(error instanceof ApiError)) return words.wrongHere;
  const what = failureInWords(error);
  if (error.retryAfterMs === undefined) return what;
  return words.tryAgainIn({ what, time: secondsInWords(Math.ceil(error.retryAfterMs / 1000)) });
}

/** The server speaks English; the page says the same in its own language, by the code. */
export const failureInWords = ({ code, message }: { code: string; message: string }): string =>
  translated('errors', code) ?? message;

/** `ahead`: how many others come first. */
export function waitingInWords(ahead: number | null, estimateSeconds: number | null): string {
  if (ahead === null) return words.sending;
  const place = ahead === 0 ? words.nextInLine : words.inLine({ count: ahead + 1 });
  return estimateSeconds === null ? place : words.placeAndTime({ place, time: secondsInWords(estimateSeconds) });
}

export function secondsInWords(seconds: number): string {
  if (seconds < 90) return words.seconds({ number: formatNumber(Math.max(1, Math.round(seconds))) });
  return words.minutes({ number: formatNumber(Math.round(seconds / 60)) });
}

/** 850 ms, 4.1 s, 72 s, 3 min. */
export function durationInWords(milliseconds: number): string {
  if (milliseconds < 1000) return words.milliseconds({ number: formatNumber(Math.round(milliseconds)) });
  if (milliseconds < 9_950) return words.seconds({ number: formatNumber(milliseconds / 1000, ONE_DIGIT) });
  return secondsInWords(milliseconds / 1000);
}

/** Tokens a second. */
export function speedInWords(tokensPerSecond: number): string {
  return tokensPerSecond < 10 ? formatNumber(tokensPerSecond, ONE_DIGIT) : formatNumber(Math.round(tokensPerSecond));
}

const ONE_DIGIT = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
