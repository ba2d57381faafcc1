import { useLayoutEffect, useRef } from 'react';
import type { MessageResource } from '../../../../src/protocol/resources.ts';

const AT_FIRST = 6;
const AT_MOST = 40;

/**
 * Where the newest messages begin that are always in the document. What is added while one looks joins them,
 * so that nothing that is on show is built anew; past a limit they are cut back.
 */
export function useTail(messages: readonly MessageResource[]): number {
  const first = useRef<string | undefined>(undefined);
  const known = messages.findIndex(({ id }) => id === first.current);
  const tooMany = messages.length - known > AT_MOST;
  const start = known < 0 || tooMany ? Math.max(0, messages.length - AT_FIRST) : known;
  useLayoutEffect(() => {
    first.current = messages[start]?.id;
  });
  return start;
}
