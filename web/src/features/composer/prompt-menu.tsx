import { showOverlay } from '../../data/overlay.ts';
import { Icon } from '../../ui/icon.tsx';
import { Menu, type MenuEntry } from '../../ui/menu.tsx';
import { words } from './words.ts';

type PromptMenuProps = { text: string; onLook(): void };

export function PromptMenu({ text, onLook }: PromptMenuProps) {
  const saving: MenuEntry[] =
    text.trim() === ''
      ? []
      : [
          {
            icon: 'plus',
            label: words.savePrompt,
            onSelect: () => showOverlay({ kind: 'prompt', prompt: null, text: text.trim() }),
          },
        ];
  return (
    <Menu
      label={words.prompts}
      trigger={(props) => (
        <button type="button" className="model-chip model-choice attach" {...props}>
          <Icon name="prompt" />
          <span className="attach-word">{words.prompts}</span>
        </button>
      )}
      entries={[
        { icon: 'search', label: words.usePrompt, onSelect: onLook },
        ...saving,
        { icon: 'pencil', label: words.managePrompts, onSelect: () => showOverlay({ kind: 'prompts' }) },
      ]}
    />
  );
}
