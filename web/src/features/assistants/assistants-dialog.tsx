import { type ItemOf, useItems } from '../../data/items.ts';
import { changeNextChat } from '../../data/next-chat.ts';
import { showOverlay } from '../../data/overlay.ts';
import { navigate } from '../../data/router.ts';
import { IconButton } from '../../ui/button.tsx';
import { ItemsDialog } from '../keeping/items-dialog.tsx';
import { words } from './words.ts';

export default function AssistantsDialog({ onClose }: { onClose(): void }) {
  const items = useItems('assistant');
  function begin(assistant: ItemOf<'assistant'>): void {
    onClose();
    navigate('/');
    changeNextChat({ assistant, settings: null });
  }
  return (
    <ItemsDialog
      items={items}
      icon="spark"
      words={{
        title: words.assistants,
        what: words.assistantsWhat,
        none: words.none,
        new: words.new,
        deleteThis: words.deleteThis,
      }}
      aside={({ settings }) => settings.system_prompt}
      onChoose={begin}
      onNew={() => showOverlay({ kind: 'assistant', assistant: null })}
      onClose={onClose}
      actions={(assistant) => (
        <IconButton
          icon="pencil"
          label={words.change({ name: assistant.name })}
          onClick={() => showOverlay({ kind: 'assistant', assistant })}
        />
      )}
    />
  );
}
