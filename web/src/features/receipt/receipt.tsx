import { lazy, Suspense, useId } from 'react';
import type { Receipt as ReceiptData } from '../../../../src/protocol/generation.ts';
import { durationInWords, speedInWords } from '../../data/in-words.ts';
import { useKept } from '../../data/use-kept.ts';
import { ReceiptBar } from './receipt-bar.tsx';
import { partsOfReceipt } from './receipt-parts.ts';

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
          <span className="visually-hidden">Receipt: </span>
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
  const words = [durationInWords(receipt.total_ms)];
  if (receipt.prefill_ms !== null) words.push(`first word ${durationInWords(receipt.queue_ms + receipt.prefill_ms)}`);
  if (receipt.tokens_per_second !== null) words.push(`${speedInWords(receipt.tokens_per_second)} tokens/s`);
  if (receipt.takeovers > 0) words.push('taken over');
  return words.join(' · ');
}
