import { useSyncExternalStore } from 'react';

/** `through`: show the branch that goes through this message; absent: the newest. */
export type Route = { number: number | null; through: string | null };

const listeners = new Set<() => void>();
let current = parse();

function parse(): Route {
  const match = /^\/c\/(\d{1,9})\/?$/.exec(location.pathname);
  return {
    number: match ? Number(match[1]) : null,
    through: match ? new URLSearchParams(location.search).get('m') : null,
  };
}

function changed(): void {
  current = parse();
  for (const listener of listeners) listener();
}

window.addEventListener('popstate', changed);

export function pathOf(number: number | null, through?: string | null): string {
  if (number === null) return '/';
  return `/c/${number}${through ? `?m=${encodeURIComponent(through)}` : ''}`;
}

export function navigate(path: string, how: 'push' | 'replace' = 'push'): void {
  if (path === location.pathname + location.search) return;
  history[how === 'push' ? 'pushState' : 'replaceState'](null, '', path);
  changed();
}

export const currentRoute = (): Route => current;

/** Told of every address from now on; returns how to end that. */
export function onNavigate(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useRoute(): Route {
  return useSyncExternalStore(onNavigate, () => current);
}
