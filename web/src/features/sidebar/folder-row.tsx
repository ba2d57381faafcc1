import type { ItemOf } from '../../data/items.ts';
import { toggleFolder } from '../../data/open-folders.ts';
import { showOverlay } from '../../data/overlay.ts';
import { IconButton } from '../../ui/button.tsx';
import { Icon } from '../../ui/icon.tsx';
import { words } from './words.ts';

export function FolderRow({ folder, open }: { folder: ItemOf<'folder'>; open: boolean }) {
  return (
    <div className="side-item">
      <button type="button" className="side-row" aria-expanded={open} onClick={() => toggleFolder(folder.id)}>
        <Icon name={open ? 'chevronDown' : 'folder'} />
        <span className="side-title" dir="auto">
          {folder.name}
        </span>
      </button>
      <IconButton
        icon="more"
        label={words.changeFolder({ name: folder.name })}
        className="side-more"
        onClick={() => showOverlay({ kind: 'folder', folder })}
      />
    </div>
  );
}
