import { ApiError, ConnectionError } from '../../../client/api-error.ts';

/** An error as a person reads it: what happened, and what to do where that is known. */
export function errorInWords(error: unknown): string {
  if (error instanceof ConnectionError) return 'The server cannot be reached. Nothing you typed is lost.';
  if (!(error instanceof ApiError)) return 'Something went wrong on this page.';
  if (error.retryAfterMs !== undefined) {
    return `${error.message} Try again in ${Math.max(1, Math.ceil(error.retryAfterMs / 1000))} s.`;
  }
  return error.message;
}

const ORDINALS = ['Next', 'Second', 'Third', 'Fourth', 'Fifth', 'Sixth', 'Seventh', 'Eighth', 'Ninth', 'Tenth'];

/** `ahead`: how many others come first. */
export function waitingInWords(ahead: number | null, estimateSeconds: number | null): string {
  if (ahead === null) return 'Sending to the model';
  const place = ahead === 0 ? 'Next in line' : `${ORDINALS[ahead] ?? `Number ${ahead + 1}`} in line`;
  return estimateSeconds === null ? place : `${place}, about ${secondsInWords(estimateSeconds)}`;
}

export function secondsInWords(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  return `${Math.round(seconds / 60)} min`;
}

/** 850 ms, 4.1 s, 72 s, 3 min. */
export function durationInWords(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 9_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  return secondsInWords(milliseconds / 1000);
}

/** Tokens a second. */
export function speedInWords(tokensPerSecond: number): string {
  return tokensPerSecond < 10 ? tokensPerSecond.toFixed(1) : String(Math.round(tokensPerSecond));
}
