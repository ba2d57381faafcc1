import { Dialog } from '../../ui/dialog.tsx';
import { Sidebar } from './sidebar.tsx';
import './drawer.css';

/** The sidebar on a phone. */
export function Drawer({ onClose }: { onClose(): void }) {
  return (
    <Dialog label="Conversations" className="drawer" onClose={onClose}>
      <Sidebar onLeave={onClose} />
    </Dialog>
  );
}
