import { useSyncExternalStore } from 'react';

const KEY = 'chatterbot.open-folders';
const listeners = new Set<() => void>();
let open: ReadonlySet<string> = read();

function read(): ReadonlySet<string> {
  try {
    return new Set(JSON.parse(localStorage.getItem(KEY) ?? '[]') as string[]);
  } catch {
    return new Set();
  }
}

export function toggleFolder(id: string): void {
  const next = new Set(open);
  if (!next.delete(id)) next.add(id);
  open = next;
  try {
    localStorage.setItem(KEY, JSON.stringify([...open]));
  } catch {
    // Storage may be forbidden; it stays so until the page is left.
  }
  for (const listener of listeners) listener();
}

export function useOpenFolders(): ReadonlySet<string> {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => open,
  );
}
