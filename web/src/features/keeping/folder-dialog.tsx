import { useId, useState } from 'react';
import { type ItemOf, putItem, removeItem } from '../../data/items.ts';
import { useSession } from '../../data/session-context.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { common } from '../../ui/words.ts';
import { words } from './words.ts';
import './keeping.css';

type FolderDialogProps = { folder: ItemOf<'folder'>; onClose(): void };

const LONGEST_NAME = 100;

export default function FolderDialog({ folder, onClose }: FolderDialogProps) {
  const { user } = useSession();
  const [name, setName] = useState(folder.name);
  const field = useId();
  return (
    <Dialog label={words.folder} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onClose();
          if (name.trim() !== folder.name) void putItem(user, folder.id, { kind: 'folder', name: name.trim() });
        }}
      >
        <label htmlFor={field}>
          <h2 className="dialog-title">{words.folder}</h2>
        </label>
        <input
          id={field}
          className="dialog-field"
          dir="auto"
          maxLength={LONGEST_NAME}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <p className="dialog-text">{words.withoutFolder}</p>
        <div className="dialog-actions">
          <Button
            tone="danger"
            onClick={() => {
              onClose();
              void removeItem(user, folder.id);
            }}
          >
            {words.removeFolder}
          </Button>
          <Button tone="primary" type="submit" disabled={!name.trim()}>
            {common.rename}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
