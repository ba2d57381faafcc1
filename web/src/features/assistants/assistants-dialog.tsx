import { type ItemOf, useItems } from '../../data/items.ts';
import { changeNextChat } from '../../data/next-chat.ts';
import { showOverlay } from '../../data/overlay.ts';
import { removeWithUndo } from '../../data/remove-with-undo.ts';
import { navigate } from '../../data/router.ts';
import { useSession } from '../../data/session-context.ts';
import { Button, IconButton } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Icon } from '../../ui/icon.tsx';
import { common } from '../../ui/words.ts';
import { compareText } from '../../words/format.ts';
import { words } from './words.ts';
import '../keeping/keeping.css';

export default function AssistantsDialog({ onClose }: { onClose(): void }) {
  const { user } = useSession();
  const assistants = useItems('assistant').toSorted((a, b) => compareText(a.name, b.name));
  function begin(assistant: ItemOf<'assistant'>): void {
    onClose();
    navigate('/');
    changeNextChat({ assistant, settings: null });
  }
  return (
    <Dialog label={words.assistants} className="keep-dialog" onClose={onClose}>
      <h2 className="dialog-title">{words.assistants}</h2>
      <p className="dialog-text">{words.assistantsWhat}</p>
      {assistants.length === 0 && <p className="keep-none">{words.none}</p>}
      <ul className="keep-list">
        {assistants.map((assistant) => (
          <li key={assistant.id} className="keep-line">
            <button type="button" className="keep-row" onClick={() => begin(assistant)}>
              <Icon name="spark" />
              <span className="keep-name" dir="auto">
                {assistant.name}
              </span>
              <span className="keep-aside" dir="auto">
                {assistant.settings.system_prompt}
              </span>
            </button>
            <IconButton
              icon="pencil"
              label={words.change({ name: assistant.name })}
              onClick={() => showOverlay({ kind: 'assistant', assistant })}
            />
            <IconButton
              icon="trash"
              label={words.deleteThis({ name: assistant.name })}
              onClick={() => {
                onClose();
                removeWithUndo(user, assistant);
              }}
            />
          </li>
        ))}
      </ul>
      <div className="dialog-actions">
        <Button className="dialog-actions-start" onClick={() => showOverlay({ kind: 'assistant', assistant: null })}>
          {words.new}
        </Button>
        <Button tone="primary" onClick={onClose}>
          {common.done}
        </Button>
      </div>
    </Dialog>
  );
}
