import { useState } from 'react';
import { errorInWords } from '../../data/in-words.ts';
import { removeItem, useItems } from '../../data/items.ts';
import { queryClient } from '../../data/query-client.ts';
import { useSession } from '../../data/session-context.ts';
import { copyText } from '../../lib/copy-text.ts';
import { isLoopback } from '../../lib/is-loopback.ts';
import { Button, IconButton } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { common } from '../../ui/words.ts';
import { formatDate } from '../../words/format.ts';
import { words } from './words.ts';
import './keeping.css';

/** `number` null: only what is shared already. */
type ShareDialogProps = { number: number | null; onClose(): void };

const linkOf = (id: string): string => `${location.origin}/s/${id}`;

export default function ShareDialog({ number, onClose }: ShareDialogProps) {
  const { user } = useSession();
  const shares = useItems('share').toReversed();
  const [said, setSaid] = useState('');
  const [busy, setBusy] = useState(false);
  async function copy(id: string): Promise<void> {
    setSaid((await copyText(linkOf(id))) ? words.linkCopied : words.linkNotCopied);
  }
  async function share(of: number): Promise<void> {
    setBusy(true);
    try {
      const { id } = await user.share(of);
      await queryClient.invalidateQueries({ queryKey: ['items'] });
      await copy(id);
    } catch (error) {
      setSaid(errorInWords(error));
    }
    setBusy(false);
  }
  return (
    <Dialog label={number === null ? words.shared : words.share} className="keep-dialog" onClose={onClose}>
      <h2 className="dialog-title">{number === null ? words.shared : words.shareThis}</h2>
      <p className="dialog-text">
        {words.shareWhat} {isLoopback() && words.linkLoopback}
      </p>
      {number !== null && (
        <p className="keep-line">
          <Button tone="primary" disabled={busy} onClick={() => void share(number)}>
            {words.makeLink}
          </Button>
        </p>
      )}
      <p className="keep-words" role="status">
        {said}
      </p>
      <h3 className="keep-heading">{words.whatIsShared}</h3>
      {shares.length === 0 && <p className="keep-none">{words.nothingShared}</p>}
      <ul className="keep-list">
        {shares.map(({ id, title, updated_at }) => (
          <li key={id} className="keep-line">
            <a className="keep-row" href={linkOf(id)} target="_blank" rel="noreferrer">
              <span className="keep-clip" dir="auto">
                {title}
              </span>
              <time dateTime={updated_at}>{formatDate(updated_at)}</time>
            </a>
            <IconButton icon="copy" label={words.copyLink({ title })} onClick={() => void copy(id)} />
            <IconButton icon="trash" label={words.takeBack({ title })} onClick={() => void removeItem(user, id)} />
          </li>
        ))}
      </ul>
      <div className="dialog-actions">
        <Button onClick={onClose}>{common.done}</Button>
      </div>
    </Dialog>
  );
}
