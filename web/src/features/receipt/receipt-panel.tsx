import type { ReactNode } from 'react';
import type { Degradation, DegradationReason, Receipt } from '../../../../src/protocol/generation.ts';
import { durationInWords, speedInWords } from '../../data/in-words.ts';

const count = new Intl.NumberFormat('en');
const SOURCES = {
  cache: 'the same question, answered before',
  'stand-in': 'the same question, answered before; no model could be asked',
  shared: 'the same question, answered at the same time',
};
const WHY: Record<DegradationReason, string> = {
  predicted_wait: 'many were waiting',
  breaker_open: 'too many of its answers failed',
  unavailable: 'it could not be reached',
  overloaded: 'it took no more',
  first_token_timeout: 'it did not begin in time',
  context_overflow: 'it found the conversation too long',
};
const price = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

export function ReceiptPanel({ receipt }: { receipt: Receipt }) {
  const { tokens } = receipt;
  return (
    <div className="receipt-panel">
      <dl className="receipt-times">
        <Row part="waiting" name="Waited in line" note={placeInWords(receipt.position_at_arrival)}>
          {durationInWords(receipt.queue_ms)}
        </Row>
        <Row part="reading" name="Read the prompt" note={readingInWords(receipt)}>
          {receipt.prefill_ms === null ? 'not begun' : durationInWords(receipt.prefill_ms)}
        </Row>
        <Row
          part="writing"
          name="Wrote"
          note={`${count.format(tokens.completion)} tokens${
            receipt.tokens_per_second === null ? '' : `, ${speedInWords(receipt.tokens_per_second)} a second`
          }`}
        >
          {receipt.stream_ms === null ? 'nothing' : durationInWords(receipt.stream_ms)}
        </Row>
      </dl>
      <dl className="receipt-facts">
        <Fact name="Model">{receipt.model ?? 'none'}</Fact>
        {receipt.source !== 'model' && <Fact name="From">{SOURCES[receipt.source]}</Fact>}
        {receipt.degraded.map((each) => (
          <Fact key={each.what} name="Less than asked">
            {lessInWords(each)}
          </Fact>
        ))}
        <Fact name="Worker">
          <Worker id={receipt.worker} />
        </Fact>
        <Fact name="Ended">{endInWords(receipt)}</Fact>
        {receipt.attempts > 1 && <Fact name="Attempts">{receipt.attempts}</Fact>}
        {receipt.takeovers > 0 && (
          <Fact name="Taken over">{receipt.takeovers === 1 ? 'once' : `${receipt.takeovers} times`}</Fact>
        )}
        {receipt.cost !== null && <Fact name="Cost">{price.format(receipt.cost)}</Fact>}
        {receipt.trimmed_messages > 0 && <Fact name="Left out">{leftOutInWords(receipt)}</Fact>}
      </dl>
    </div>
  );
}

type RowProps = { part: 'waiting' | 'reading' | 'writing'; name: string; note: string; children: ReactNode };

function Row({ part, name, note, children }: RowProps) {
  return (
    <div>
      <dt>
        <i className={`receipt-key receipt-${part}`} aria-hidden="true" />
        {name}
      </dt>
      <dd>
        {children}
        <small>{note}</small>
      </dd>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** A process names itself by its role and a UUID, whose end tells two of them apart. */
function Worker({ id }: { id: string | null }) {
  if (id === null) return 'none';
  return <span title={id}>{id.replace(/[\da-f]{8}-[\da-f-]{19}([\da-f]{8})/i, '$1')}</span>;
}

function placeInWords(position: number | null): string {
  if (position === null) return 'started directly';
  if (position === 0) return 'nobody ahead';
  return position === 1 ? 'one ahead on arrival' : `${position} ahead on arrival`;
}

function readingInWords({ tokens }: Receipt): string {
  const read = `${count.format(tokens.prompt)} tokens`;
  return tokens.reused > 0 ? `${read}, ${count.format(tokens.reused)} remembered` : read;
}

function leftOutInWords({ trimmed_messages, summarised_messages }: Receipt): string {
  const summary = summarised_messages > 0 ? `, ${summarised_messages} of them summed up` : '';
  return `${trimmed_messages} oldest messages${summary}`;
}

function endInWords({ state, finish_reason }: Receipt): string {
  if (state === 'cancelled') return 'stopped by you';
  if (state === 'failed') return 'failed';
  if (state === 'interrupted') return 'broke off';
  return finish_reason === 'length' ? 'at the length limit' : 'by itself';
}

function lessInWords({ what, from, to, reason }: Degradation): string {
  const less = what === 'model' ? `${to} instead of ${from}` : `${to} instead of ${from} tokens read`;
  return `${less}: ${WHY[reason]}`;
}
