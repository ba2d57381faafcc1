import { showOverlay } from '../../data/overlay.ts';
import { useSession } from '../../data/session-context.ts';
import { IconButton } from '../../ui/button.tsx';
import { words } from './words.ts';

export function SidebarFoot() {
  const { userId } = useSession();
  return (
    <div className="side-foot">
      <span className="side-user">{userId === 'local' ? words.localUser : userId}</span>
      <IconButton icon="keyboard" label={words.shortcuts} onClick={() => showOverlay({ kind: 'shortcuts' })} />
      <IconButton icon="gear" label={words.settings} onClick={() => showOverlay({ kind: 'settings' })} />
    </div>
  );
}
