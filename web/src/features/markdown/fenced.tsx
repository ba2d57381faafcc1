import { lazy, Suspense } from 'react';
import type { Fence } from './blocks.ts';
import { CodeBlock } from './code-block.tsx';

const Diagram = lazy(() => import('./diagram.tsx'));

/** A fenced block: code, or the drawing that a closed one describes. */
export function Fenced({ language, code, closed }: Fence) {
  const block = <CodeBlock code={code} language={language} />;
  if (!closed || language.toLowerCase() !== 'mermaid') return block;
  return (
    <Suspense fallback={block}>
      <Diagram code={code} />
    </Suspense>
  );
}
