import { Children, isValidElement, type ReactNode } from 'react';
import type { Components } from 'react-markdown';
import { Fenced } from './fenced.tsx';
import { words } from './words.ts';

/** An address as a URL of the web, or null. Relative ones are ours. */
function webUrl(address: string | undefined): URL | null {
  if (!address) return null;
  const url = URL.parse(address, location.href);
  return url && ['http:', 'https:', 'mailto:'].includes(url.protocol) ? url : null;
}

/** Where a link leads, as it is said beside it: its words may claim anything. */
const place = (url: URL): string => url.host || url.pathname;

function textOf(node: ReactNode): string {
  if (typeof node === 'string' || typeof node === 'number') return String(node);
  if (isValidElement<{ children?: ReactNode }>(node)) return textOf(node.props.children);
  return Children.toArray(node).map(textOf).join('');
}

/** What Markdown becomes. `open`: the text is still being written, so a fence in it may be too. */
export const elements = (open: boolean): Components => ({
  ...ELEMENTS,
  pre({ children }) {
    const code = Children.toArray(children)[0];
    if (!isValidElement<{ className?: string; children?: ReactNode }>(code)) return <pre>{children}</pre>;
    const { className = '' } = code.props;
    if (/math-display|language-math/.test(className)) return code;
    const language = /language-(\S+)/.exec(className)?.[1] ?? '';
    return <Fenced language={language} code={textOf(code.props.children).replace(/\n$/, '')} closed={!open} />;
  },
});

const notLoaded = (picture: string, host: string | undefined): string =>
  host ? words.notLoadedFrom({ picture, host }) : words.notLoaded({ picture });

/** Headings go down two levels: the page and the message have their own. */
const ELEMENTS: Components = {
  h1: ({ children }) => <h3 className="md-h1">{children}</h3>,
  h2: ({ children }) => <h4 className="md-h2">{children}</h4>,
  h3: ({ children }) => <h5 className="md-h3">{children}</h5>,
  h4: ({ children }) => <h6 className="md-h3">{children}</h6>,
  h5: ({ children }) => <h6 className="md-h3">{children}</h6>,
  a({ href, children }) {
    // A footnote's jump stays on the page.
    if (href?.startsWith('#')) return <a href={href}>{children}</a>;
    const url = webUrl(href);
    if (!url) return <span>{children}</span>;
    return (
      <a href={url.href} target="_blank" rel="noopener noreferrer nofollow" title={url.href}>
        {children}
        {!textOf(children).includes(place(url)) && <span className="md-host">({place(url)})</span>}
      </a>
    );
  },
  /** An address in an answer could carry the conversation away, so only our own pictures are loaded. */
  img({ src, alt }) {
    const url = webUrl(typeof src === 'string' ? src : undefined);
    if (url?.origin === location.origin) return <img src={url.href} alt={alt ?? ''} loading="lazy" />;
    return <span className="md-no-image">{notLoaded(alt || words.picture, url?.host)}</span>;
  },
  /** With a direction of its own it does not decide that of the sentence around it. */
  code: ({ className, children }) => (
    <code dir="ltr" className={className}>
      {children}
    </code>
  ),
  table: ({ children }) => (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section className="md-table" tabIndex={0} aria-label={words.table}>
      <table>{children}</table>
    </section>
  ),
  // A cell in the other direction does not turn its row.
  td: ({ node, children, ...rest }) => (
    <td {...rest}>
      <bdi>{children}</bdi>
    </td>
  ),
  input: ({ checked }) => (
    <input type="checkbox" checked={checked ?? false} disabled aria-label={checked ? words.done : words.open} />
  ),
};
