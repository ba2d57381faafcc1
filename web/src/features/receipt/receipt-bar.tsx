import { barLength, type Parts, totalOf } from './receipt-parts.ts';
import './receipt.css';

/** A smaller share is no more than a speck. */
const LEAST_SHARE = 0.02;

/** The whole wait as a line in its parts. The words beside it say the same. */
export function ReceiptBar({ parts }: { parts: Parts }) {
  const total = totalOf(parts);
  const shown = (['unseen', 'waiting', 'reading', 'writing'] as const).filter(
    (part) => parts[part] > total * LEAST_SHARE,
  );
  return (
    <span className="receipt-bar" style={{ width: barLength(total) }} aria-hidden="true">
      {total === 0 && <i className="receipt-waiting" style={{ flexGrow: 1 }} />}
      {shown.map((part) => (
        <i key={part} className={`receipt-${part}`} style={{ flexGrow: parts[part] }} />
      ))}
    </span>
  );
}
