import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { common } from '../../ui/words.ts';
import { KeyCaps } from './key-caps.tsx';
import type { Keys } from './keys.ts';
import { words } from './palette-words.ts';
import { useCommands } from './use-commands.ts';
import { words as commandWords } from './words.ts';
import './shortcuts.css';

const elsewhere = (): { label: string; keys: Keys }[] => [
  { label: words.stop, keys: { key: 'Escape' } },
  { label: words.lastAgain, keys: { key: 'ArrowUp' } },
];

export default function ShortcutsDialog({ onClose }: { onClose(): void }) {
  const commands = useCommands();
  const rows = [...commands.flatMap(({ label, keys }) => (keys ? [{ label, keys }] : [])), ...elsewhere()];
  return (
    <Dialog label={commandWords.shortcuts} onClose={onClose}>
      <h2 className="dialog-title">{commandWords.shortcuts}</h2>
      <dl className="shortcuts">
        {rows.map(({ label, keys }) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>
              <KeyCaps keys={keys} />
            </dd>
          </div>
        ))}
      </dl>
      <div className="dialog-actions">
        <Button tone="primary" onClick={onClose}>
          {common.done}
        </Button>
      </div>
    </Dialog>
  );
}
