import { lazy, Suspense } from 'react';
import { closeOverlay, useOverlay } from './data/overlay.ts';
import { PaletteDoor } from './features/commands/palette-door.tsx';

const Drawer = lazy(async () => ({ default: (await import('./features/sidebar/drawer.tsx')).Drawer }));
const ArchiveDialog = lazy(() => import('./features/keeping/archive-dialog.tsx'));
const FolderDialog = lazy(() => import('./features/keeping/folder-dialog.tsx'));
const ModelsDialog = lazy(() => import('./features/models/models-dialog.tsx'));
const MoveDialog = lazy(() => import('./features/keeping/move-dialog.tsx'));
const ShareDialog = lazy(() => import('./features/keeping/share-dialog.tsx'));
const RenameDialog = lazy(() => import('./features/sidebar/rename-dialog.tsx'));
const StyleDialog = lazy(() => import('./features/style/style-dialog.tsx'));
const AssistantsDialog = lazy(() => import('./features/assistants/assistants-dialog.tsx'));
const AssistantDialog = lazy(() => import('./features/assistants/assistant-dialog.tsx'));
const DataDialog = lazy(() => import('./features/stored/data-dialog.tsx'));
const ImportDialog = lazy(() => import('./features/import/import-dialog.tsx'));
const PromptsDialog = lazy(() => import('./features/prompts/prompts-dialog.tsx'));
const PromptDialog = lazy(() => import('./features/prompts/prompt-dialog.tsx'));
const SettingsDialog = lazy(() => import('./features/settings/settings-dialog.tsx'));
const ShortcutsDialog = lazy(() => import('./features/commands/shortcuts-dialog.tsx'));

/** What lies over the page. */
export function Overlays({ narrow }: { narrow: boolean }) {
  const overlay = useOverlay();
  return (
    <Suspense>
      {overlay?.kind === 'drawer' && narrow && <Drawer onClose={closeOverlay} />}
      {overlay?.kind === 'palette' && <PaletteDoor onClose={closeOverlay} />}
      {overlay?.kind === 'settings' && <SettingsDialog onClose={closeOverlay} />}
      {overlay?.kind === 'shortcuts' && <ShortcutsDialog onClose={closeOverlay} />}
      {overlay?.kind === 'archive' && <ArchiveDialog onClose={closeOverlay} />}
      {overlay?.kind === 'models' && <ModelsDialog onClose={closeOverlay} />}
      {overlay?.kind === 'share' && <ShareDialog number={overlay.number} onClose={closeOverlay} />}
      {overlay?.kind === 'folder' && <FolderDialog folder={overlay.folder} onClose={closeOverlay} />}
      {overlay?.kind === 'move' && <MoveDialog conversation={overlay.conversation} onClose={closeOverlay} />}
      {overlay?.kind === 'style' && <StyleDialog key={overlay.of} of={overlay.of} onClose={closeOverlay} />}
      {overlay?.kind === 'assistants' && <AssistantsDialog onClose={closeOverlay} />}
      {overlay?.kind === 'assistant' && <AssistantDialog {...overlay} onClose={closeOverlay} />}
      {overlay?.kind === 'data' && <DataDialog onClose={closeOverlay} />}
      {overlay?.kind === 'import' && <ImportDialog onClose={closeOverlay} />}
      {overlay?.kind === 'prompts' && <PromptsDialog onClose={closeOverlay} />}
      {overlay?.kind === 'prompt' && <PromptDialog {...overlay} onClose={closeOverlay} />}
      {overlay?.kind === 'rename' && <RenameDialog conversation={overlay.conversation} onClose={closeOverlay} />}
    </Suspense>
  );
}
