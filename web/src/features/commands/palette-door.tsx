import { lazy, Suspense, useRef } from 'react';
import { Dialog } from '../../ui/dialog.tsx';

const importPalette = () => import('./palette.tsx');
const Palette = lazy(importPalette);
// It comes after the first load, and before it is asked for.
void importPalette();

/** Whoever opens the palette types on: what is typed before it is here is in it when it comes. */
export function PaletteDoor({ onClose }: { onClose(): void }) {
  const typed = useRef('');
  const early = (
    <Dialog label="Search and commands" onClose={onClose}>
      <input
        className="dialog-field"
        aria-label="Search chats and commands"
        onChange={(event) => {
          typed.current = event.target.value;
        }}
      />
    </Dialog>
  );
  return (
    <Suspense fallback={early}>
      <Palette typed={typed} onClose={onClose} />
    </Suspense>
  );
}
