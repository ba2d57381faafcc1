import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError } from '../../../../client/api-error.ts';
import type { DeletionResource, StoredDataResource } from '../../../../src/protocol/resources.ts';
import { errorInWords } from '../../data/in-words.ts';
import { useSession } from '../../data/session-context.ts';
import { isLoopback } from '../../lib/is-loopback.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { common } from '../../ui/words.ts';
import { formatDate, formatNumber } from '../../words/format.ts';
import { keptInBrowser } from './browser-storage.ts';
import { bytesInWords } from './bytes-in-words.ts';
import { DataRow } from './data-row.tsx';
import { DeletionReceipt, type Erasure } from './deletion-receipt.tsx';
import { EraseForm } from './erase-form.tsx';
import { words } from './words.ts';
import '../keeping/keeping.css';
import '../../ui/field.css';
import './data-dialog.css';

type Step = { kind: 'look' } | { kind: 'erase' } | { kind: 'receipt'; erasure: Erasure };

/** What is kept where, in plain words; the way to take it along, and the way to have it gone. */
export default function DataDialog({ onClose }: { onClose(): void }) {
  const [step, setStep] = useState<Step>({ kind: 'look' });
  /** Nothing that this tab still remembers may be written again. */
  const leave = (): void => {
    if (step.kind === 'receipt' && step.erasure.browserEntries !== null) location.assign('/');
    else onClose();
  };
  return (
    <Dialog label={words.title} className="keep-dialog" onClose={leave}>
      {step.kind === 'look' && (
        <Look
          onClose={onClose}
          onErase={() => setStep({ kind: 'erase' })}
          onReceipt={(receipt) => setStep({ kind: 'receipt', erasure: { receipt, browserEntries: null } })}
        />
      )}
      {step.kind === 'erase' && (
        <EraseForm
          onCancel={() => setStep({ kind: 'look' })}
          onErased={(erasure) => setStep({ kind: 'receipt', erasure })}
        />
      )}
      {step.kind === 'receipt' && <DeletionReceipt erasure={step.erasure} onLeave={leave} />}
    </Dialog>
  );
}

type LookProps = { onClose(): void; onErase(): void; onReceipt(receipt: DeletionResource): void };

function Look({ onClose, onErase, onReceipt }: LookProps) {
  const { user } = useSession();
  const stored = useQuery({ queryKey: ['stored'], queryFn: ({ signal }) => user.stored({ signal }), staleTime: 0 });
  const last = useQuery({
    queryKey: ['deletion'],
    queryFn: ({ signal }) =>
      user.deletion({ signal }).catch((error: unknown) => {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      }),
    staleTime: 0,
  }).data;
  const browser = keptInBrowser();
  return (
    <>
      <h2 className="dialog-title">{words.title}</h2>
      <h3 className="keep-heading">{words.server}</h3>
      <p className="data-where">{isLoopback() ? words.serverHere : words.serverThere({ host: location.host })}</p>
      {stored.isError && (
        <p className="field-error" role="alert">
          {words.cannotBeCounted({ why: errorInWords(stored.error) })}
        </p>
      )}
      {stored.data && <ServerRows stored={stored.data} />}
      <h3 className="keep-heading">{words.browser}</h3>
      <p className="data-where">{words.browserWhat}</p>
      <dl className="data-rows">
        <DataRow name={words.entries} size={bytesInWords(browser.bytes)}>
          {formatNumber(browser.entries)}
        </DataRow>
      </dl>
      <p className="data-note">{words.exportWhat}</p>
      <p className="data-actions">
        <a className="button button-plain" href={user.exportAllUrl()} download>
          {words.exportAll}
        </a>
        <Button tone="warning" onClick={onErase}>
          {words.deleteAll}
        </Button>
      </p>
      {last && (
        <button type="button" className="data-last" onClick={() => onReceipt(last)}>
          {words.lastReceipt({ date: formatDate(last.begun_at) })}
        </button>
      )}
      <div className="dialog-actions">
        <Button tone="primary" onClick={onClose}>
          {common.done}
        </Button>
      </div>
    </>
  );
}

function ServerRows({
  stored: { conversations, messages, generations, items, usage_days },
}: {
  stored: StoredDataResource;
}) {
  const chats = [
    conversations.archived > 0 && words.archivedChats({ count: conversations.archived }),
    conversations.temporary > 0 && words.temporaryChats({ count: conversations.temporary }),
    conversations.deleted > 0 && words.deletedChats({ count: conversations.deleted }),
  ];
  const arranged = items.folders + items.assistants + items.prompts + items.shares + items.defaults;
  return (
    <dl className="data-rows">
      <DataRow name={words.chats} notes={chats}>
        {formatNumber(conversations.kept)}
      </DataRow>
      <DataRow
        name={words.messages}
        size={bytesInWords(messages.bytes)}
        notes={[messages.archived > 0 && words.archivedMessages({ count: messages.archived })]}
      >
        {formatNumber(messages.recent + messages.archived)}
      </DataRow>
      <DataRow name={words.answers}>{formatNumber(generations)}</DataRow>
      <DataRow name={words.items}>{formatNumber(arranged)}</DataRow>
      <DataRow name={words.usage}>{formatNumber(usage_days)}</DataRow>
    </dl>
  );
}
