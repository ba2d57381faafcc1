import { memo, type ReactNode, useState } from 'react';
import { downloadText } from '../../lib/download-text.ts';
import { useCopied } from '../../lib/use-copied.ts';
import { common } from '../../ui/words.ts';
import { cutLine } from './colour-lines.ts';
import { fileNameOf } from './file-name.ts';
import { useColoured } from './use-coloured.ts';
import { words } from './words.ts';
import './code-block.css';

type CodeBlockProps = { code: string; language: string /** What is said beside the name. */; note?: ReactNode };

export const CodeBlock = memo(function CodeBlock({ code, language, note }: CodeBlockProps) {
  const [wrap, setWrap] = useState(false);
  const [copied, copy] = useCopied();
  const coloured = useColoured(code, language);
  const name = language || words.text;
  return (
    <figure className="code-block">
      <figcaption className="code-head">
        <span className="code-title">
          {name}
          {note}
        </span>
        <span className="code-actions">
          <button type="button" aria-pressed={wrap} onClick={() => setWrap(!wrap)}>
            {words.wrap}
          </button>
          <button type="button" onClick={() => downloadText(fileNameOf(language), `${code}\n`)}>
            {common.download}
          </button>
          <button type="button" onClick={() => copy(code)}>
            {copied ? common.copied : common.copy}
          </button>
        </span>
      </figcaption>
      <section
        className={wrap ? 'code-scroll code-wrap' : 'code-scroll'}
        dir="ltr"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
        tabIndex={0}
        aria-label={words.code({ language: name })}
      >
        <pre>
          <code>
            {code.split('\n').map((line, index) => (
              <CodeLine
                // biome-ignore lint/suspicious/noArrayIndexKey: a line's number is its identity.
                key={index}
                line={line}
                spans={coloured.lines[index] === line ? (coloured.spans[index] ?? '') : ''}
              />
            ))}
          </code>
        </pre>
      </section>
    </figure>
  );
});

const CodeLine = memo(function CodeLine({ line, spans }: { line: string; spans: string }) {
  if (!spans) return `${line}\n`;
  return (
    <>
      {cutLine(line, spans).map(({ kind, text }, index) =>
        kind === 'plain' ? (
          text
        ) : (
          // biome-ignore lint/suspicious/noArrayIndexKey: spans have no other identity.
          <span key={index} className={`code-${kind}`}>
            {text}
          </span>
        ),
      )}
      {'\n'}
    </>
  );
});
