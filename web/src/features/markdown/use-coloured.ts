import { useEffect, useState } from 'react';
import { workerCall } from '../../lib/worker-call.ts';

const TIMEOUT_MS = 10_000;

const highlight = workerCall<{ code: string; language: string }, string[]>(
  () => new Worker(new URL('./highlight.worker.ts', import.meta.url), { type: 'module' }),
  TIMEOUT_MS,
);

/** Lines that have colours, and the colours of each. */
export type Coloured = { lines: readonly string[]; spans: readonly string[] };

/** The colours of the newest state of a growing code that the worker has seen. */
export function useColoured(code: string, language: string): Coloured {
  const [coloured, setColoured] = useState<Coloured>({ lines: [], spans: [] });
  const [paint] = useState(() => createPainter(setColoured));
  useEffect(() => paint(code, language), [paint, code, language]);
  return coloured;
}

/** While the worker is busy with one state only the newest one waits. */
function createPainter(show: (coloured: Coloured) => void): (code: string, language: string) => void {
  let next: { code: string; language: string } | null = null;
  let busy = false;
  async function work(): Promise<void> {
    busy = true;
    for (let input = next; input; input = next) {
      next = null;
      const spans = await highlight(input);
      if (spans) show({ lines: input.code.split('\n'), spans });
    }
    busy = false;
  }
  return (code, language) => {
    if (!code || !language) return;
    next = { code, language };
    if (!busy) void work();
  };
}
