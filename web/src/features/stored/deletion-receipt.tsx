import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import type { DeletionResource } from '../../../../src/protocol/resources.ts';
import { useSession } from '../../data/session-context.ts';
import { downloadText } from '../../lib/download-text.ts';
import { Button } from '../../ui/button.tsx';
import { common } from '../../ui/words.ts';
import { formatDate, formatNumber } from '../../words/format.ts';
import { DataRow } from './data-row.tsx';
import { words } from './words.ts';

/** `receipt` null: there was nothing on the server. `browserEntries` null: of an earlier deletion, nothing is known. */
export type Erasure = { receipt: DeletionResource | null; browserEntries: number | null };

const LOOK_EVERY_MS = 2_000;
const TIME: Intl.DateTimeFormatOptions = {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
};

/** What was deleted. Where something is still to go, it is looked after until it has. */
export function DeletionReceipt({ erasure, onLeave }: { erasure: Erasure; onLeave(): void }) {
  const { user } = useSession();
  const first = erasure.receipt;
  const { data } = useQuery({
    queryKey: ['deletion', first?.id],
    queryFn: ({ signal }) => user.deletion({ signal }),
    enabled: first !== null && first.finished_at === null,
    refetchInterval: (query) => (query.state.data?.finished_at ? false : LOOK_EVERY_MS),
  });
  const receipt = data && data.id === first?.id ? data : first;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  if (!receipt) {
    return (
      <>
        <h2 className="dialog-title" ref={heading} tabIndex={-1}>
          {words.deleted}
        </h2>
        <p className="dialog-text">{words.nothingThere}</p>
        <Leave isNew onLeave={onLeave} />
      </>
    );
  }
  const { erased, cleared } = receipt;
  return (
    <>
      <h2 className="dialog-title" ref={heading} tabIndex={-1}>
        {receipt.finished_at === null ? words.deleting : words.deleted}
      </h2>
      {receipt.finished_at === null && (
        <p className="dialog-text" role="status">
          {words.stillGoing}
        </p>
      )}
      <dl className="data-rows">
        <DataRow name={words.id}>
          <code>{receipt.id}</code>
        </DataRow>
        <DataRow name={words.begun}>{formatDate(receipt.begun_at, TIME)}</DataRow>
        {receipt.finished_at !== null && (
          <DataRow name={words.finished}>{formatDate(receipt.finished_at, TIME)}</DataRow>
        )}
        {erased && (
          <>
            <DataRow name={words.chats}>{formatNumber(erased.conversations)}</DataRow>
            <DataRow name={words.messages}>{formatNumber(erased.messages + erased.archived_messages)}</DataRow>
            <DataRow name={words.answers}>{formatNumber(erased.generations)}</DataRow>
            <DataRow name={words.items}>{formatNumber(erased.items)}</DataRow>
            <DataRow name={words.usage}>{formatNumber(erased.usage_days)}</DataRow>
            <DataRow name={words.otherKeys}>{formatNumber(erased.idempotency_keys)}</DataRow>
          </>
        )}
        {cleared && (
          <>
            <DataRow name={words.stopped}>{formatNumber(cleared.stopped)}</DataRow>
            <DataRow name={words.cleared}>{formatNumber(cleared.contexts + cleared.token_logs)}</DataRow>
          </>
        )}
        {receipt.databases.length > 0 && <DataRow name={words.databases}>{receipt.databases.join(', ')}</DataRow>}
        {erasure.browserEntries !== null && (
          <DataRow name={words.entries}>{formatNumber(erasure.browserEntries)}</DataRow>
        )}
      </dl>
      <p className="data-note">{words.backups}</p>
      <Leave
        isNew={erasure.browserEntries !== null}
        onLeave={onLeave}
        onDownload={() =>
          downloadText(
            `deletion-${receipt.id}.json`,
            `${JSON.stringify({ ...receipt, browser_entries: erasure.browserEntries }, null, 2)}\n`,
          )
        }
      />
    </>
  );
}

type LeaveProps = { isNew: boolean; onLeave(): void; onDownload?(): void };

function Leave({ isNew, onLeave, onDownload }: LeaveProps) {
  return (
    <div className="dialog-actions">
      {onDownload && (
        <Button className="dialog-actions-start" onClick={onDownload}>
          {common.download}
        </Button>
      )}
      <Button tone="primary" onClick={onLeave}>
        {isNew ? words.goOn : common.done}
      </Button>
    </div>
  );
}
