import { changeNextChat, useNextChat } from '../../data/next-chat.ts';
import { Icon } from '../../ui/icon.tsx';
import { words } from './temporary-words.ts';
import './temporary-note.css';

/** Of a new chat: whether it is to be kept. */
export function TemporaryChoice() {
  const { temporary } = useNextChat();
  return (
    <label className="temporary-choice">
      <input
        type="checkbox"
        checked={temporary}
        onChange={(event) => changeNextChat({ temporary: event.target.checked })}
      />
      <Icon name="temporary" />
      <span>
        {words.chat}
        {temporary && <small>{words.meaning}</small>}
      </span>
    </label>
  );
}
