import { changeNextChat, type NextChat } from '../../data/next-chat.ts';
import { IconButton } from '../../ui/button.tsx';
import { Icon } from '../../ui/icon.tsx';
import { words } from './words.ts';

/** Who answers in the chat that is being begun, and what it says first. */
export function AssistantGreeting({ assistant }: { assistant: NonNullable<NextChat['assistant']> }) {
  return (
    <div className="empty-assistant">
      <p className="empty-assistant-name">
        <Icon name="spark" />
        <span dir="auto">{assistant.name}</span>
        <IconButton
          icon="close"
          label={words.without({ name: assistant.name })}
          onClick={() => changeNextChat({ assistant: null, settings: null })}
        />
      </p>
      <h2 dir="auto">{assistant.greeting || words.whatCanItDo({ name: assistant.name })}</h2>
    </div>
  );
}
