import { showOverlay } from '../../data/overlay.ts';
import { useSession } from '../../data/session-context.ts';
import { IconButton } from '../../ui/button.tsx';

export function SidebarFoot() {
  const { userId } = useSession();
  return (
    <div className="side-foot">
      <span className="side-user">{userId === 'local' ? 'Local user' : userId}</span>
      <IconButton icon="keyboard" label="Keyboard shortcuts" onClick={() => showOverlay({ kind: 'shortcuts' })} />
      <IconButton icon="gear" label="Settings" onClick={() => showOverlay({ kind: 'settings' })} />
    </div>
  );
}
