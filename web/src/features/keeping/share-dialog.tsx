import { useState } from 'react';
import { errorInWords } from '../../data/in-words.ts';
import { removeItem, useItems } from '../../data/items.ts';
import { queryClient } from '../../data/query-client.ts';
import { useSession } from '../../data/session-context.ts';
import { copyText } from '../../lib/copy-text.ts';
import { isLoopback } from '../../lib/is-loopback.ts';
import { Button, IconButton } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import './keeping.css';

/** `number` null: only what is shared already. */
type ShareDialogProps = { number: number | null; onClose(): void };

const linkOf = (id: string): string => `${location.origin}/s/${id}`;

export default function ShareDialog({ number, onClose }: ShareDialogProps) {
  const { user } = useSession();
  const shares = useItems('share').toReversed();
  const [words, setWords] = useState('');
  const [busy, setBusy] = useState(false);
  async function copy(id: string): Promise<void> {
    setWords((await copyText(linkOf(id))) ? 'The link is copied.' : 'The link could not be copied; open it instead.');
  }
  async function share(of: number): Promise<void> {
    setBusy(true);
    try {
      const { id } = await user.share(of);
      await queryClient.invalidateQueries({ queryKey: ['items'] });
      await copy(id);
    } catch (error) {
      setWords(errorInWords(error));
    }
    setBusy(false);
  }
  return (
    <Dialog label={number === null ? 'Shared chats' : 'Share'} className="keep-dialog" onClose={onClose}>
      <h2 className="dialog-title">{number === null ? 'Shared chats' : 'Share this chat'}</h2>
      <p className="dialog-text">
        Whoever has the link reads the chat as it stands when it is made, without a key. What is said later is not
        shown.
        {isLoopback() && " The link has this machine's own address: elsewhere it leads nowhere."}
      </p>
      {number !== null && (
        <p className="keep-line">
          <Button tone="primary" disabled={busy} onClick={() => void share(number)}>
            Make a link and copy it
          </Button>
        </p>
      )}
      <p className="keep-words" role="status">
        {words}
      </p>
      <h3 className="keep-heading">What is shared</h3>
      {shares.length === 0 && <p className="keep-none">Nothing is shared.</p>}
      <ul className="keep-list">
        {shares.map(({ id, title, updated_at }) => (
          <li key={id} className="keep-line">
            <a className="keep-row" href={linkOf(id)} target="_blank" rel="noreferrer">
              <span className="keep-clip" dir="auto">
                {title}
              </span>
              <time dateTime={updated_at}>{new Date(updated_at).toLocaleDateString('en')}</time>
            </a>
            <IconButton icon="copy" label={`Copy the link to ${title}`} onClick={() => void copy(id)} />
            <IconButton icon="trash" label={`Take back ${title}`} onClick={() => void removeItem(user, id)} />
          </li>
        ))}
      </ul>
      <div className="dialog-actions">
        <Button onClick={onClose}>Done</Button>
      </div>
    </Dialog>
  );
}
