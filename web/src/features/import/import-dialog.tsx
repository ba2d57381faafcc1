import { type DragEvent, useRef, useState } from 'react';
import { navigate, pathOf } from '../../data/router.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Icon } from '../../ui/icon.tsx';
import { common } from '../../ui/words.ts';
import { type Counts, IMPORT_LIMITS, type ImportPlan, type LeftOut } from './plan.ts';
import type { Outcome } from './send-chats.ts';
import { useImport } from './use-import.ts';
import { words } from './words.ts';
import '../keeping/keeping.css';
import '../../ui/field.css';
import './import-dialog.css';

/** Chats from elsewhere: what would come is shown before anything is sent. */
export default function ImportDialog({ onClose }: { onClose(): void }) {
  const { state, read, send, stop, again } = useImport();
  return (
    <Dialog label={words.title} className="keep-dialog" onClose={onClose}>
      <h2 className="dialog-title">{words.title}</h2>
      {state.kind === 'none' && <ChooseFile refused={state.refused} onFile={(file) => void read(file)} />}
      {state.kind === 'reading' && (
        <p className="dialog-text" role="status">
          {words.reading({ file: state.name })}
        </p>
      )}
      {state.kind === 'planned' && <Plan plan={state.plan} />}
      {state.kind === 'sending' && <Progress done={state.outcomes.length} all={state.plan.chats.length} />}
      {state.kind === 'ended' && <Ended outcomes={state.outcomes} note={state.note} onLeave={onClose} />}
      <div className="dialog-actions">
        {state.kind === 'planned' && <Button onClick={again}>{words.again}</Button>}
        {state.kind === 'ended' && <Button onClick={again}>{words.again}</Button>}
        {state.kind === 'planned' && (state.plan.chats.length > 0 || state.plan.items.length > 0) && (
          <Button tone="primary" onClick={() => void send(state.plan)}>
            {words.go({ count: state.plan.chats.length })}
          </Button>
        )}
        {state.kind === 'sending' && <Button onClick={stop}>{words.stop}</Button>}
        {(state.kind === 'none' || state.kind === 'reading') && <Button onClick={onClose}>{common.cancel}</Button>}
        {state.kind === 'ended' && (
          <Button tone="primary" onClick={onClose}>
            {common.done}
          </Button>
        )}
      </div>
    </Dialog>
  );
}

function ChooseFile({ refused, onFile }: { refused: string | null; onFile(file: File): void }) {
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const drop = {
    onDragOver(event: DragEvent): void {
      event.preventDefault();
      setOver(true);
    },
    onDragLeave: (): void => setOver(false),
    onDrop(event: DragEvent): void {
      event.preventDefault();
      setOver(false);
      const file = event.dataTransfer.files[0];
      if (file) onFile(file);
    },
  };
  return (
    <>
      <p className="dialog-text">{words.what}</p>
      <div className={over ? 'import-drop import-over' : 'import-drop'} {...drop}>
        <Icon name="file" />
        <Button onClick={() => input.current?.click()}>{words.choose}</Button>
        <span>{words.dropHere}</span>
        <input
          ref={input}
          type="file"
          hidden
          accept=".json,.zip,application/json,application/zip"
          aria-label={words.choose}
          onChange={(event) => {
            const file = event.target.files?.[0];
            event.target.value = '';
            if (file) onFile(file);
          }}
        />
      </div>
      {refused !== null && (
        <p className="field-error" role="alert">
          {refused}
        </p>
      )}
    </>
  );
}

const NAMES = { chatgpt: 'ChatGPT', 'open-webui': 'Open WebUI', chatterbot: 'ChatterBot' };

function Plan({ plan }: { plan: ImportPlan }) {
  const messages = plan.chats.reduce((sum, { conversation }) => sum + conversation.messages.length, 0);
  const reasons = Object.entries(plan.leftOut) as [LeftOut, number][];
  return (
    <div role="status">
      <p className="import-from">{words.from({ name: NAMES[plan.from] })}</p>
      <p className="import-what">
        {plan.chats.length === 0 ? words.nothing : words.bringAlong({ count: plan.chats.length, messages })}
      </p>
      {plan.items.length > 0 && <p className="import-what">{words.items({ count: plan.items.length })}</p>}
      {reasons.length > 0 && (
        <>
          <h3 className="keep-heading">{words.leftOut}</h3>
          <ul className="import-reasons">
            {reasons.map(([reason]) => (
              <li key={reason}>{reasonInWords(reason, plan.leftOut)}</li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

function reasonInWords(reason: LeftOut, counts: Counts): string {
  const count = counts[reason] ?? 0;
  if (reason === 'cut') return words.cut({ count, most: IMPORT_LIMITS.messageChars });
  if (reason === 'longChats') return words.longChats({ count, most: IMPORT_LIMITS.messages });
  return words[reason]({ count });
}

function Progress({ done, all }: { done: number; all: number }) {
  return (
    <div className="import-progress">
      <progress value={done} max={Math.max(1, all)} aria-label={words.title} />
      <span>{words.progress({ done, all })}</span>
    </div>
  );
}

const SHOWN_AT_MOST = 200;

function Ended({ outcomes, note, onLeave }: { outcomes: readonly Outcome[]; note: string | null; onLeave(): void }) {
  const of = (kind: Outcome['kind']) => outcomes.filter((each) => each.kind === kind);
  const [imported, known, failed] = [of('imported'), of('known').length, of('failed')];
  const shown = [...failed, ...imported];
  return (
    <>
      <div role="status">
        <p className="import-what">
          {imported.length === 0 && known > 0 && failed.length === 0 && note === null
            ? words.nothingNew
            : words.imported({ count: imported.length })}
        </p>
        {known > 0 && <p className="dialog-text">{words.known({ count: known })}</p>}
        {failed.length > 0 && <p className="field-error">{words.failed({ count: failed.length })}</p>}
        {note !== null && <p className="dialog-text">{note}</p>}
      </div>
      <ul className="keep-list">
        {shown.slice(0, SHOWN_AT_MOST).map((outcome, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: two may have the same title.
          <li key={index} className="keep-line">
            {outcome.kind === 'failed' ? (
              <p className="keep-row">
                <Icon name="alert" />
                <span className="keep-name" dir="auto">
                  {outcome.title}
                </span>
                <span className="keep-aside">{outcome.why}</span>
              </p>
            ) : (
              <a
                className="keep-row"
                href={pathOf(outcome.number)}
                onClick={(event) => {
                  if (event.metaKey || event.ctrlKey || event.shiftKey) return;
                  event.preventDefault();
                  onLeave();
                  navigate(pathOf(outcome.number));
                }}
              >
                <Icon name="chat" />
                <span className="keep-clip" dir="auto">
                  {outcome.title}
                </span>
              </a>
            )}
          </li>
        ))}
      </ul>
      {shown.length > SHOWN_AT_MOST && (
        <p className="keep-none">{words.more({ count: shown.length - SHOWN_AT_MOST })}</p>
      )}
    </>
  );
}
