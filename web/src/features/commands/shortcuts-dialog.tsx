import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { KeyCaps } from './key-caps.tsx';
import type { Keys } from './keys.ts';
import { useCommands } from './use-commands.ts';
import './shortcuts.css';

const ELSEWHERE: readonly { label: string; keys: Keys }[] = [
  { label: 'Stop the answer', keys: { key: 'Escape' } },
  { label: 'Your last message again, in an empty field', keys: { key: 'ArrowUp' } },
];

export default function ShortcutsDialog({ onClose }: { onClose(): void }) {
  const commands = useCommands();
  const rows = [...commands.flatMap(({ label, keys }) => (keys ? [{ label, keys }] : [])), ...ELSEWHERE];
  return (
    <Dialog label="Keyboard shortcuts" onClose={onClose}>
      <h2 className="dialog-title">Keyboard shortcuts</h2>
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
          Done
        </Button>
      </div>
    </Dialog>
  );
}
