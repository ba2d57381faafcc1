import { useEffect, useState } from 'react';
import { useDark } from '../../data/theme.ts';
import { useCopied } from '../../lib/use-copied.ts';
import { workerCall } from '../../lib/worker-call.ts';
import { common } from '../../ui/words.ts';
import { CodeBlock } from './code-block.tsx';
import type { DiagramInput } from './diagram.worker.ts';
import { words } from './words.ts';
import './diagram.css';

const TIMEOUT_MS = 5_000;

const draw = workerCall<DiagramInput, string>(
  () => new Worker(new URL('./diagram.worker.ts', import.meta.url), { type: 'module' }),
  TIMEOUT_MS,
);

type Drawing = { kind: 'drawing' } | { kind: 'none' } | { kind: 'drawn'; url: string };

/** A Mermaid text as a picture: an image runs no script and loads nothing, whatever the text says. */
export default function Diagram({ code }: { code: string }) {
  const [drawing, setDrawing] = useState<Drawing>({ kind: 'drawing' });
  const [source, setSource] = useState(false);
  const [copied, copy] = useCopied();
  const dark = useDark();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the colours are those of the theme.
  useEffect(() => {
    let url: string | null = null;
    let gone = false;
    void draw({ code, colours: coloursNow() }).then((svg) => {
      if (gone) return;
      if (svg) url = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }));
      setDrawing(url ? { kind: 'drawn', url } : { kind: 'none' });
    });
    return () => {
      gone = true;
      if (url) URL.revokeObjectURL(url);
    };
  }, [code, dark]);
  if (drawing.kind !== 'drawn') {
    return <CodeBlock code={code} language="mermaid" note={drawing.kind === 'none' && ` · ${words.cannotBeDrawn}`} />;
  }
  return (
    <figure className="code-block diagram">
      <figcaption className="code-head">
        <span>{words.diagram.toLowerCase()}</span>
        <span className="code-actions">
          <button type="button" aria-pressed={source} onClick={() => setSource(!source)}>
            {words.source}
          </button>
          <a href={drawing.url} download="diagram.svg">
            {common.download}
          </a>
          <button type="button" onClick={() => copy(code)}>
            {copied ? common.copied : common.copy}
          </button>
        </span>
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <section className="code-scroll" dir="ltr" tabIndex={0} aria-label={source ? words.diagramSource : words.diagram}>
        {source ? (
          <pre>
            <code>{code}</code>
          </pre>
        ) : (
          <img src={drawing.url} alt={words.diagramOf({ source: code })} />
        )}
      </section>
    </figure>
  );
}

function coloursNow(): DiagramInput['colours'] {
  const style = getComputedStyle(document.documentElement);
  const probe = document.createElement('i');
  document.body.append(probe);
  const colour = (name: string): string => {
    probe.style.color = style.getPropertyValue(name);
    return getComputedStyle(probe).color;
  };
  const colours = { bg: colour('--raised'), fg: colour('--ink'), accent: colour('--accent') };
  probe.remove();
  return colours;
}
