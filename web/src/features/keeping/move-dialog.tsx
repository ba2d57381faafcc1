import { useId, useState } from 'react';
import type { ConversationResource } from '../../../../src/protocol/resources.ts';
import { changeConversation } from '../../data/conversation-changes.ts';
import { newItemId, putItem, useItems } from '../../data/items.ts';
import { useSession } from '../../data/session-context.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Icon } from '../../ui/icon.tsx';
import { words } from './words.ts';
import './keeping.css';

type MoveDialogProps = { conversation: ConversationResource; onClose(): void };

const LONGEST_NAME = 100;

/** Into a folder, out of it, or into a new one. */
export default function MoveDialog({ conversation, onClose }: MoveDialogProps) {
  const { user } = useSession();
  const folders = useItems('folder');
  const [name, setName] = useState('');
  const field = useId();
  function move(folder: string | null): void {
    onClose();
    if (folder !== conversation.folder) void changeConversation(user, conversation, { folder });
  }
  async function make(): Promise<void> {
    const id = newItemId();
    if (await putItem(user, id, { kind: 'folder', name: name.trim() })) move(id);
  }
  return (
    <Dialog label={words.moveToFolder} onClose={onClose}>
      <h2 className="dialog-title">{words.moveToFolder}</h2>
      <p className="dialog-text keep-clip" dir="auto">
        {conversation.title}
      </p>
      <ul className="keep-list">
        {[...folders, { id: null, name: words.noFolder }].map((folder) => (
          <li key={folder.id}>
            <button type="button" className="keep-row" onClick={() => move(folder.id)}>
              <Icon name={folder.id === null ? 'close' : 'folder'} />
              <span className="keep-clip" dir="auto">
                {folder.name}
              </span>
              {folder.id === conversation.folder && <Icon name="check" />}
            </button>
          </li>
        ))}
      </ul>
      <form
        className="keep-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim()) void make();
        }}
      >
        <label htmlFor={field}>{words.newFolder}</label>
        <div className="keep-line">
          <input
            id={field}
            className="dialog-field"
            dir="auto"
            maxLength={LONGEST_NAME}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
          <Button tone="primary" type="submit" disabled={!name.trim()}>
            {words.make}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
