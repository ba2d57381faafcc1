import { useItems } from '../../data/items.ts';
import { showOverlay } from '../../data/overlay.ts';
import { ItemsDialog } from '../keeping/items-dialog.tsx';
import { words } from './words.ts';

export default function PromptsDialog({ onClose }: { onClose(): void }) {
  const items = useItems('prompt');
  return (
    <ItemsDialog
      items={items}
      icon="prompt"
      words={{
        title: words.prompts,
        what: words.promptsWhat,
        none: words.none,
        new: words.new,
        deleteThis: words.deleteThis,
      }}
      aside={({ text }) => text}
      onChoose={(prompt) => showOverlay({ kind: 'prompt', prompt })}
      onNew={() => showOverlay({ kind: 'prompt', prompt: null })}
      onClose={onClose}
    />
  );
}
