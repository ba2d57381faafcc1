import { type ComponentType, lazy, type ReactNode, Suspense, useState } from 'react';

/**
 * A component in a file of its own that is fetched at once, without holding up what is shown first. One that is
 * here by the time it is wanted is drawn without a gap.
 */
export function early<Props extends object>(load: () => Promise<{ default: ComponentType<Props> }>) {
  let here: ComponentType<Props> | null = null;
  const loading = load();
  // Whoever wants it is told that it did not come.
  loading.then(({ default: component }) => (here = component)).catch(() => {});
  const Awaited = lazy(() => loading);
  return function Early({ fallback, ...props }: Props & { fallback?: ReactNode }) {
    const [Component] = useState(() => here ?? (Awaited as unknown as ComponentType<Props>));
    return (
      <Suspense fallback={fallback}>
        <Component {...(props as unknown as Props)} />
      </Suspense>
    );
  };
}
