import { lazy, Suspense } from 'react';
import { closeOverlay, useOverlay } from './data/overlay.ts';
import { Palette } from './features/commands/palette.tsx';
import { Drawer } from './features/sidebar/drawer.tsx';

const RenameDialog = lazy(() => import('./features/sidebar/rename-dialog.tsx'));
const SettingsDialog = lazy(() => import('./features/settings/settings-dialog.tsx'));
const ShortcutsDialog = lazy(() => import('./features/commands/shortcuts-dialog.tsx'));

/** What lies over the page. The palette is there at once: whoever opens it types on. */
export function Overlays({ narrow }: { narrow: boolean }) {
  const overlay = useOverlay();
  return (
    <Suspense>
      {overlay?.kind === 'drawer' && narrow && <Drawer onClose={closeOverlay} />}
      {overlay?.kind === 'palette' && <Palette onClose={closeOverlay} />}
      {overlay?.kind === 'settings' && <SettingsDialog onClose={closeOverlay} />}
      {overlay?.kind === 'shortcuts' && <ShortcutsDialog onClose={closeOverlay} />}
      {overlay?.kind === 'rename' && <RenameDialog conversation={overlay.conversation} onClose={closeOverlay} />}
    </Suspense>
  );
}
