import { useItems } from '../../data/items.ts';
import { showOverlay } from '../../data/overlay.ts';
import { removeWithUndo } from '../../data/remove-with-undo.ts';
import { useSession } from '../../data/session-context.ts';
import { Button, IconButton } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Icon } from '../../ui/icon.tsx';
import { common } from '../../ui/words.ts';
import { compareText } from '../../words/format.ts';
import { words } from './words.ts';
import '../keeping/keeping.css';

export default function PromptsDialog({ onClose }: { onClose(): void }) {
  const { user } = useSession();
  const prompts = useItems('prompt').toSorted((a, b) => compareText(a.name, b.name));
  return (
    <Dialog label={words.prompts} className="keep-dialog" onClose={onClose}>
      <h2 className="dialog-title">{words.prompts}</h2>
      <p className="dialog-text">{words.promptsWhat}</p>
      {prompts.length === 0 && <p className="keep-none">{words.none}</p>}
      <ul className="keep-list">
        {prompts.map((prompt) => (
          <li key={prompt.id} className="keep-line">
            <button type="button" className="keep-row" onClick={() => showOverlay({ kind: 'prompt', prompt })}>
              <Icon name="prompt" />
              <span className="keep-name" dir="auto">
                {prompt.name}
              </span>
              <span className="keep-aside" dir="auto">
                {prompt.text}
              </span>
            </button>
            <IconButton
              icon="trash"
              label={words.deleteThis({ name: prompt.name })}
              onClick={() => {
                onClose();
                removeWithUndo(user, prompt);
              }}
            />
          </li>
        ))}
      </ul>
      <div className="dialog-actions">
        <Button className="dialog-actions-start" onClick={() => showOverlay({ kind: 'prompt', prompt: null })}>
          {words.new}
        </Button>
        <Button tone="primary" onClick={onClose}>
          {common.done}
        </Button>
      </div>
    </Dialog>
  );
}
