import { lazy, memo, Suspense, useRef } from 'react';
import ReactMarkdown from 'react-markdown';
import rehypeSanitize from 'rehype-sanitize';
import { createBlockSplitter, hasDefinitions, readFence } from './blocks.ts';
import { closeMarkup } from './close-markup.ts';
import { elements } from './elements.tsx';
import { Fenced } from './fenced.tsx';
import { footnoteWords } from './footnotes.ts';
import { readGfm } from './gfm.ts';
import { readMath } from './math-source.ts';
import { SCHEMA } from './sanitise.ts';
import './markdown.css';

const MathMarkdown = lazy(() => import('./math-markdown.tsx'));

type MarkdownProps = {
  text: string;
  /** The last block is still being written. */
  open: boolean;
};

export const Markdown = memo(function Markdown({ text, open }: MarkdownProps) {
  const split = useRef<ReturnType<typeof createBlockSplitter>>(null);
  split.current ??= createBlockSplitter();
  const blocks = !open && hasDefinitions(text) ? [text] : split.current(text);
  return (
    <div className="markdown">
      {blocks.map((source, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: blocks are only ever added at the end.
        <Block key={index} source={source} open={open && index === blocks.length - 1} />
      ))}
    </div>
  );
});

const Block = memo(function Block({ source, open }: { source: string; open: boolean }) {
  const fence = readFence(source);
  if (fence && (open || fence.closed)) return <Fenced {...fence} />;
  const whole = open ? closeMarkup(source) : source;
  const math = readMath(whole);
  return (
    <div className="md-block" dir="auto">
      {math === null ? (
        <PlainMarkdown source={whole} open={open} />
      ) : (
        <Suspense fallback={<PlainMarkdown source={whole} open={open} />}>
          <MathMarkdown source={math} open={open} />
        </Suspense>
      )}
    </div>
  );
});

function PlainMarkdown({ source, open }: { source: string; open: boolean }) {
  return (
    <ReactMarkdown
      remarkPlugins={[readGfm]}
      rehypePlugins={[[rehypeSanitize, SCHEMA]]}
      remarkRehypeOptions={footnoteWords()}
      components={open ? OPEN_ELEMENTS : ELEMENTS}
    >
      {source}
    </ReactMarkdown>
  );
}

const ELEMENTS = elements(false);
const OPEN_ELEMENTS = elements(true);
