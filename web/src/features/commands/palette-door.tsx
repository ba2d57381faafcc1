import { lazy, Suspense, useRef } from 'react';
import { Dialog } from '../../ui/dialog.tsx';
import { words } from './words.ts';

const importPalette = () => import('./palette.tsx');
const Palette = lazy(importPalette);
// It comes after the first load, and before it is asked for.
void importPalette();

/** Whoever opens the palette types on: what is typed before it is here is in it when it comes. */
export function PaletteDoor({ onClose }: { onClose(): void }) {
  const typed = useRef('');
  const early = (
    <Dialog label={words.searchAndCommands} onClose={onClose}>
      <input
        className="dialog-field"
        aria-label={words.search}
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
