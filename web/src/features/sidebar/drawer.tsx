import { Dialog } from '../../ui/dialog.tsx';
import { common } from '../../ui/words.ts';
import { Sidebar } from './sidebar.tsx';
import './drawer.css';

/** The sidebar on a phone. */
export function Drawer({ onClose }: { onClose(): void }) {
  return (
    <Dialog label={common.conversations} className="drawer" onClose={onClose}>
      <Sidebar onLeave={onClose} />
    </Dialog>
  );
}
