import type { ReactNode } from 'react';
import type { ItemOf } from '../../data/items.ts';
import { removeWithUndo } from '../../data/remove-with-undo.ts';
import { useSession } from '../../data/session-context.ts';
import { Button, IconButton } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Icon, type IconName } from '../../ui/icon.tsx';
import { common } from '../../ui/words.ts';
import { compareText } from '../../words/format.ts';
import './keeping.css';

type Named = ItemOf<'assistant'> | ItemOf<'prompt'>;

type ItemsDialogProps<Item extends Named> = {
  items: readonly Item[];
  icon: IconName;
  words: { title: string; what: string; none: string; new: string; deleteThis(values: { name: string }): string };
  /** What is said of each beside its name. */
  aside(item: Item): ReactNode;
  onChoose(item: Item): void;
  onNew(): void;
  onClose(): void;
  /** Buttons of each before the one that deletes it. */
  actions?(item: Item): ReactNode;
};

/** What the person keeps of a kind, by name: to be chosen, made and deleted with a way back. */
export function ItemsDialog<Item extends Named>(props: ItemsDialogProps<Item>) {
  const { icon, words, aside, onChoose, onNew, onClose, actions } = props;
  const { user } = useSession();
  const items = props.items.toSorted((a, b) => compareText(a.name, b.name));
  return (
    <Dialog label={words.title} className="keep-dialog" onClose={onClose}>
      <h2 className="dialog-title">{words.title}</h2>
      <p className="dialog-text">{words.what}</p>
      {items.length === 0 && <p className="keep-none">{words.none}</p>}
      <ul className="keep-list">
        {items.map((item) => (
          <li key={item.id} className="keep-line">
            <button type="button" className="keep-row" onClick={() => onChoose(item)}>
              <Icon name={icon} />
              <span className="keep-name" dir="auto">
                {item.name}
              </span>
              <span className="keep-aside" dir="auto">
                {aside(item)}
              </span>
            </button>
            {actions?.(item)}
            <IconButton
              icon="trash"
              label={words.deleteThis({ name: item.name })}
              onClick={() => {
                onClose();
                removeWithUndo(user, item);
              }}
            />
          </li>
        ))}
      </ul>
      <div className="dialog-actions">
        <Button className="dialog-actions-start" onClick={onNew}>
          {words.new}
        </Button>
        <Button tone="primary" onClick={onClose}>
          {common.done}
        </Button>
      </div>
    </Dialog>
  );
}
