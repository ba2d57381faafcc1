import { useSyncExternalStore } from 'react';

/** A value beside the components, and those that follow it. */
export type Store<T> = { get(): T; set(next: T): void; use(): T };

export function createStore<T>(initial: T): Store<T> {
  const listeners = new Set<() => void>();
  let current = initial;
  const subscribe = (listener: () => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const get = () => current;
  return {
    get,
    set(next) {
      current = next;
      for (const listener of listeners) listener();
    },
    use: () => useSyncExternalStore(subscribe, get),
  };
}

/** As {@link createStore}, kept under `key` as JSON. Where storage is forbidden, it holds until the page is left. */
export function createKeptStore<T>(where: 'localStorage' | 'sessionStorage', key: string, initial: T): Store<T> {
  const store = createStore(initial);
  try {
    const kept: unknown = JSON.parse(window[where].getItem(key) ?? 'null');
    if (kept !== null && Array.isArray(kept) === Array.isArray(initial)) store.set(kept as T);
  } catch {
    // What cannot be read is as if it were not there.
  }
  return {
    ...store,
    set(next) {
      store.set(next);
      try {
        window[where].setItem(key, JSON.stringify(next));
      } catch {
        // As above.
      }
    },
  };
}
