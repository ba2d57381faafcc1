import type { Route } from './route.ts';

/** Methods that the address takes, where it is one of ours. */
export function allowedMethods(routes: readonly Route[], url: string): string[] {
  const segments = segmentsOf(url.split('?', 1)[0] ?? '');
  const matching = routes.filter((route) => {
    const pattern = segmentsOf(route.path);
    return (
      pattern.length === segments.length &&
      pattern.every((part, index) => part.startsWith('{') || part === segments[index])
    );
  });
  return [...new Set(matching.map((route) => route.method))];
}

const segmentsOf = (path: string): string[] => path.split('/').slice(1);
