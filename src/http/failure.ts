import type { Generation } from '../ports/generations.ts';
import { ERRORS, type ErrorCode } from '../protocol/errors.ts';

/** Why an ended answer is not whole, or is not there at all. A stopped one that has text needs no excuse. */
export function failureOf({ state, error }: Generation, hasText: boolean): { code: ErrorCode; message: string } | null {
  if (state === 'done' || (state === 'cancelled' && hasText)) return null;
  if (error)
    return { code: error.code in ERRORS ? (error.code as ErrorCode) : 'generation_failed', message: error.message };
  const code =
    state === 'cancelled' ? 'answer_stopped' : state === 'interrupted' ? 'answer_interrupted' : 'generation_failed';
  return { code, message: ERRORS[code].message };
}
