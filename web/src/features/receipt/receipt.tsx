import { lazy, Suspense, useId } from 'react';
import type { Receipt as ReceiptData } from '../../../../src/protocol/generation.ts';
import { durationInWords, speedInWords } from '../../data/in-words.ts';
import { useKept } from '../../data/use-kept.ts';
import { ReceiptBar } from './receipt-bar.tsx';
import { partsOfReceipt } from './receipt-parts.ts';
import { words } from './words.ts';

const ReceiptPanel = lazy(async () => ({ default: (await import('./receipt-panel.tsx')).ReceiptPanel }));

/** The bar and its sentence under a finished answer; opens what else is known. Two parts, so that actions fit between. */
export function useReceipt(id: string, receipt: ReceiptData | null) {
  const [open, setOpen] = useKept(`receipt ${id}`);
  const panelId = useId();
  if (!receipt) return { summary: null, panel: null };
  return {
    summary: (
      <button
        type="button"
        className="receipt-summary"
        aria-expanded={open}
        aria-controls={panelId}
        onClick={() => setOpen(!open)}
      >
        <ReceiptBar parts={partsOfReceipt(receipt)} />
        <span>
          <span className="visually-hidden">{words.receipt}</span>
          {receiptInWords(receipt)}
        </span>
      </button>
    ),
    panel: (
      <div id={panelId} hidden={!open}>
        {open && (
          <Suspense>
            <ReceiptPanel receipt={receipt} />
          </Suspense>
        )}
      </div>
    ),
  };
}

export function receiptInWords(receipt: ReceiptData): string {
  const { total_ms, queue_ms, prefill_ms, tokens_per_second, takeovers } = receipt;
  return [
    durationInWords(total_ms),
    prefill_ms !== null && words.firstWord({ time: durationInWords(queue_ms + prefill_ms) }),
    tokens_per_second !== null && words.speed({ number: speedInWords(tokens_per_second) }),
    takeovers > 0 && words.takenOver,
  ]
    .filter((part) => part !== false)
    .join(' · ');
}
