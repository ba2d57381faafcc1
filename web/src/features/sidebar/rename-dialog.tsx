import { useId, useState } from 'react';
import type { ConversationResource } from '../../../../src/protocol/resources.ts';
import { changeConversation } from '../../data/conversation-changes.ts';
import { useSession } from '../../data/session-context.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { common } from '../../ui/words.ts';
import { words } from './words.ts';

type RenameDialogProps = { conversation: ConversationResource; onClose(): void };

const LONGEST_TITLE = 200;

export default function RenameDialog({ conversation, onClose }: RenameDialogProps) {
  const { user } = useSession();
  const [title, setTitle] = useState(conversation.title);
  const field = useId();
  return (
    <Dialog label={words.renameConversation} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onClose();
          if (title.trim() !== conversation.title) void changeConversation(user, conversation, { title: title.trim() });
        }}
      >
        <label htmlFor={field}>
          <h2 className="dialog-title">{common.rename}</h2>
        </label>
        <input
          id={field}
          className="dialog-field"
          dir="auto"
          value={title}
          maxLength={LONGEST_TITLE}
          onChange={(event) => setTitle(event.target.value)}
          onFocus={(event) => event.target.select()}
        />
        <div className="dialog-actions">
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button tone="primary" type="submit" disabled={!title.trim()}>
            {common.rename}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
