import { useItems } from '../../data/items.ts';
import { changeNextChat } from '../../data/next-chat.ts';
import { showOverlay } from '../../data/overlay.ts';
import { Icon } from '../../ui/icon.tsx';
import { words } from './words.ts';

const AT_MOST = 4;

/** Assistants to begin with, in one quiet row; nothing where there are none. */
export function AssistantRow() {
  const assistants = useItems('assistant');
  if (assistants.length === 0) return null;
  return (
    <ul className="assistants" aria-label={words.assistants}>
      {assistants
        .toReversed()
        .slice(0, AT_MOST)
        .map((assistant) => (
          <li key={assistant.id}>
            <button type="button" onClick={() => changeNextChat({ assistant, settings: null })}>
              <Icon name="spark" />
              <span dir="auto">{assistant.name}</span>
            </button>
          </li>
        ))}
      {assistants.length > AT_MOST && (
        <li>
          <button type="button" onClick={() => showOverlay({ kind: 'assistants' })}>
            {words.allAssistants({ count: assistants.length })}
          </button>
        </li>
      )}
    </ul>
  );
}
