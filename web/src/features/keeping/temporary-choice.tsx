import { makeNextTemporary, useNextTemporary } from '../../data/next-chat.ts';
import { Icon } from '../../ui/icon.tsx';
import './temporary-note.css';

/** Of a new chat: whether it is to be kept. */
export function TemporaryChoice() {
  const temporary = useNextTemporary();
  return (
    <label className="temporary-choice">
      <input type="checkbox" checked={temporary} onChange={(event) => makeNextTemporary(event.target.checked)} />
      <Icon name="temporary" />
      <span>
        Temporary chat
        {temporary && <small>In no list and no search. Deleted for good when you go to another chat.</small>}
      </span>
    </label>
  );
}
