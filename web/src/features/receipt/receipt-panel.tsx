import type { ReactNode } from 'react';
import type { Degradation, DegradationReason, Receipt } from '../../../../src/protocol/generation.ts';
import { durationInWords, speedInWords } from '../../data/in-words.ts';
import { formatNumber } from '../../words/format.ts';
import { words } from './panel-words.ts';

const SOURCES = { cache: 'fromCache', 'stand-in': 'fromStandIn', shared: 'fromShared' } as const;
const WHY = {
  predicted_wait: 'predictedWait',
  breaker_open: 'breakerOpen',
  unavailable: 'unavailable',
  overloaded: 'overloaded',
  first_token_timeout: 'firstTokenTimeout',
  context_overflow: 'contextOverflow',
} as const satisfies Record<DegradationReason, keyof typeof words>;

export function ReceiptPanel({ receipt }: { receipt: Receipt }) {
  return (
    <div className="receipt-panel">
      <dl className="receipt-times">
        <Row part="waiting" name={words.waited} note={placeInWords(receipt.position_at_arrival)}>
          {durationInWords(receipt.queue_ms)}
        </Row>
        <Row part="reading" name={words.readPrompt} note={readingInWords(receipt)}>
          {receipt.prefill_ms === null ? words.notBegun : durationInWords(receipt.prefill_ms)}
        </Row>
        <Row part="writing" name={words.wrote} note={writtenInWords(receipt)}>
          {receipt.stream_ms === null ? words.nothing : durationInWords(receipt.stream_ms)}
        </Row>
      </dl>
      <dl className="receipt-facts">
        <Fact name={words.model}>{receipt.model ?? words.none}</Fact>
        {receipt.source !== 'model' && <Fact name={words.from}>{words[SOURCES[receipt.source]]}</Fact>}
        {receipt.degraded.map((each) => (
          <Fact key={each.what} name={words.lessThanAsked}>
            {lessInWords(each)}
          </Fact>
        ))}
        <Fact name={words.worker}>
          <Worker id={receipt.worker} />
        </Fact>
        <Fact name={words.ended}>{endInWords(receipt)}</Fact>
        {receipt.attempts > 1 && <Fact name={words.attempts}>{formatNumber(receipt.attempts)}</Fact>}
        {receipt.takeovers > 0 && <Fact name={words.takenOver}>{words.times({ count: receipt.takeovers })}</Fact>}
        {receipt.cost !== null && (
          <Fact name={words.cost}>{formatNumber(receipt.cost, { maximumSignificantDigits: 3 })}</Fact>
        )}
        {receipt.trimmed_messages > 0 && <Fact name={words.leftOut}>{leftOutInWords(receipt)}</Fact>}
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
  if (id === null) return words.none;
  return <span title={id}>{id.replace(/[\da-f]{8}-[\da-f-]{19}([\da-f]{8})/i, '$1')}</span>;
}

function placeInWords(position: number | null): string {
  if (position === null) return words.startedDirectly;
  return position === 0 ? words.nobodyAhead : words.ahead({ count: position });
}

function readingInWords({ tokens }: Receipt): string {
  const read = words.tokens({ count: tokens.prompt });
  return tokens.reused > 0 ? words.remembered({ tokens: read, count: tokens.reused }) : read;
}

function writtenInWords({ tokens, tokens_per_second }: Receipt): string {
  const written = words.tokens({ count: tokens.completion });
  if (tokens_per_second === null) return written;
  return words.perSecond({ tokens: written, number: speedInWords(tokens_per_second) });
}

function leftOutInWords({ trimmed_messages, summarised_messages }: Receipt): string {
  const messages = words.oldest({ count: trimmed_messages });
  return summarised_messages > 0 ? words.summedUp({ messages, count: summarised_messages }) : messages;
}

function endInWords({ state, finish_reason }: Receipt): string {
  if (state === 'cancelled') return words.byYou;
  if (state === 'failed') return words.failed;
  if (state === 'interrupted') return words.brokeOff;
  return finish_reason === 'length' ? words.atLengthLimit : words.byItself;
}

function lessInWords({ what, from, to, reason }: Degradation): string {
  return (what === 'model' ? words.modelInstead : words.tokensInstead)({ to, from, why: words[WHY[reason]] });
}
