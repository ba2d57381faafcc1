import { useEffect } from 'react';
import { forgetWhenLeft } from '../../data/begin-chat.ts';
import { changeConversation, useConversation } from '../../data/conversation-changes.ts';
import { useSession } from '../../data/session-context.ts';
import { Icon } from '../../ui/icon.tsx';
import { words } from './temporary-words.ts';
import './temporary-note.css';

/** What becomes of a temporary chat, in words, and the way to keep it. */
export default function TemporaryNote({ number }: { number: number }) {
  const { user } = useSession();
  const conversation = useConversation(number);
  const temporary = conversation?.temporary ?? false;
  useEffect(() => {
    // Reloaded, it still ends when it is left.
    if (temporary) return forgetWhenLeft(user, number);
  }, [user, number, temporary]);
  if (!conversation || !temporary) return null;
  return (
    <p className="temporary-note">
      <Icon name="temporary" />
      <span>{words.note}</span>
      <button type="button" onClick={() => void changeConversation(user, conversation, { temporary: false })}>
        {words.keepIt}
      </button>
    </p>
  );
}
