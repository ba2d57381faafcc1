import { useSyncExternalStore } from 'react';

const KEY = 'chatterbot.side-by-side';
const AT_MOST = 100;
const listeners = new Set<() => void>();
let questions = read();

function read(): ReadonlySet<string> {
  try {
    return new Set(JSON.parse(sessionStorage.getItem(KEY) ?? '[]') as string[]);
  } catch {
    return new Set();
  }
}

/** Whether the answers to this question are shown side by side, until one is chosen to go on with. */
export function compare(question: string, sideBySide: boolean): void {
  const others = [...questions].filter((id) => id !== question);
  questions = new Set(sideBySide ? [...others, question].slice(-AT_MOST) : others);
  try {
    sessionStorage.setItem(KEY, JSON.stringify([...questions]));
  } catch {
    // Storage may be forbidden; it holds until the page is left.
  }
  for (const listener of listeners) listener();
}

export function useComparing(question: string | null | undefined): boolean {
  const all = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => questions,
  );
  return question != null && all.has(question);
}
