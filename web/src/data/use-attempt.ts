import { useRef, useState } from 'react';
import { newIdempotencyKey } from '../../../client/user-api.ts';
import { errorInWords } from './in-words.ts';

export type Attempt = { kind: 'idle' } | { kind: 'busy' } | { kind: 'failed'; words: string };

/**
 * One thing a person wants done, however often they have to try: the same input keeps its idempotency key
 * until it has succeeded, so a repetition is never a second message.
 */
export function useAttempt<Input>(run: (input: Input, key: string) => Promise<void>): {
  attempt: Attempt;
  /** Whether it succeeded. */
  go(input: Input): Promise<boolean>;
} {
  const [attempt, setAttempt] = useState<Attempt>({ kind: 'idle' });
  const last = useRef<{ input: string; key: string } | null>(null);
  return {
    attempt,
    async go(input) {
      const fingerprint = JSON.stringify(input);
      if (last.current?.input !== fingerprint) last.current = { input: fingerprint, key: newIdempotencyKey() };
      setAttempt({ kind: 'busy' });
      try {
        await run(input, last.current.key);
      } catch (error) {
        setAttempt({ kind: 'failed', words: errorInWords(error) });
        return false;
      }
      last.current = null;
      setAttempt({ kind: 'idle' });
      return true;
    },
  };
}
