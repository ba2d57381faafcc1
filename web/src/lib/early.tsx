import { type ComponentType, type ReactNode, useEffect, useState } from 'react';

/**
 * A component in a file of its own that is fetched at once, without holding up what is shown first. One that is
 * here by the time it is wanted is drawn without a gap; one that is not, as soon as it comes: React keeps what a
 * `Suspense` waited for back for 300 ms more.
 */
export function early<Props extends object>(load: () => Promise<{ default: ComponentType<Props> }>) {
  let here: ComponentType<Props> | null = null;
  const loading = load().then(({ default: component }) => {
    here = component;
  });
  // Whoever wants it is told that it did not come.
  loading.catch(() => {});
  return function Early({ fallback, ...props }: Props & { fallback?: ReactNode }) {
    const [Component, setComponent] = useState(() => here);
    useEffect(() => {
      if (Component) return;
      const fail = (error: unknown): void =>
        setComponent(() => {
          throw error;
        });
      loading.then(() => setComponent(() => here), fail);
    }, [Component]);
    return Component ? <Component {...(props as unknown as Props)} /> : fallback;
  };
}
