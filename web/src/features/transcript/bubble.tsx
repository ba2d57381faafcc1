import { useKept } from '../../data/use-kept.ts';
import { Icon } from '../../ui/icon.tsx';
import { sizeInWords, unfold } from '../composer/attachments.ts';
import { words } from './words.ts';

const LONG_LINES = 16;
const LONG_CHARS = 1_200;

/** The person's own words; very long ones and attached texts are folded. */
export function Bubble({ id, content }: { id: string; content: string }) {
  const { text, attachments } = unfold(content);
  const [whole, setWhole] = useKept(`bubble ${id}`);
  const long = text.length > LONG_CHARS || text.split('\n').length > LONG_LINES;
  return (
    <div className="bubble" dir="auto">
      {attachments.map((attachment, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a message never changes.
        <details key={index} className="attached">
          <summary>
            <Icon name="file" />
            <span className="chip-name">{attachment.name}</span>
            <span className="chip-size">{sizeInWords(attachment)}</span>
          </summary>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
          <pre tabIndex={0}>{attachment.text}</pre>
        </details>
      ))}
      {text !== '' && <div className={long && !whole ? 'bubble-text bubble-cut' : 'bubble-text'}>{text}</div>}
      {long && (
        <button type="button" className="bubble-more" aria-expanded={whole} onClick={() => setWhole(!whole)}>
          {whole ? words.showLess : words.showAll}
        </button>
      )}
    </div>
  );
}
