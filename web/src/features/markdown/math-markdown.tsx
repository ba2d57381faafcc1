import katex from 'katex';
import { useLayoutEffect, useRef } from 'react';
import ReactMarkdown, { type Components } from 'react-markdown';
import rehypeSanitize from 'rehype-sanitize';
import remarkMath from 'remark-math';
import { elements } from './elements.tsx';
import { footnoteWords } from './footnotes.ts';
import { readGfm } from './gfm.ts';
import { SCHEMA } from './sanitise.ts';
import { words } from './words.ts';
import 'katex/dist/katex.min.css';
import './math.css';

/** A text with formulas. A file of its own: KaTeX is loaded with the first of them. */
export default function MathMarkdown({ source, open }: { source: string; open: boolean }) {
  return (
    <ReactMarkdown
      remarkPlugins={[readGfm, remarkMath]}
      rehypePlugins={[[rehypeSanitize, SCHEMA]]}
      remarkRehypeOptions={footnoteWords()}
      components={open ? WITH_MATH_OPEN : WITH_MATH}
    >
      {source}
    </ReactMarkdown>
  );
}

const withMath = (base: Components): Components => ({
  ...base,
  code({ className = '', children }) {
    if (className.includes('language-math')) {
      return <Formula source={String(children)} display={className.includes('math-display')} />;
    }
    return (
      <code dir="ltr" className={className}>
        {children}
      </code>
    );
  },
});

const WITH_MATH = withMath(elements(false));
const WITH_MATH_OPEN = withMath(elements(true));

/** Lengths and expansions are bounded: a formula cannot cover the page or never end. */
const LIMITS = { maxSize: 20, maxExpand: 500, trust: false, strict: 'ignore' } as const;

function Formula({ source, display }: { source: string; display: boolean }) {
  const place = useRef<HTMLSpanElement>(null);
  useLayoutEffect(() => {
    const element = place.current;
    if (!element) return;
    try {
      // Into the element itself: as HTML its styles would be refused by the page's policy.
      katex.render(source, element, { ...LIMITS, displayMode: display, throwOnError: true });
    } catch {
      // While it is being written the last form that could be read stays.
      if (!element.querySelector('.katex')) element.textContent = source;
    }
  }, [source, display]);
  if (!display) return <span className="formula" dir="ltr" ref={place} />;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section className="formula formula-display" dir="ltr" tabIndex={0} aria-label={words.formula}>
      <span ref={place} />
    </section>
  );
}
