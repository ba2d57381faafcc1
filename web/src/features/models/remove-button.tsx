import { useState } from 'react';
import { Button, IconButton } from '../../ui/button.tsx';
import { words } from './words.ts';

/** Asks once more: what is gone is to be fetched or typed again. */
export function RemoveButton({ what, onRemove }: { what: string; onRemove(): Promise<void> }) {
  const [asks, setAsks] = useState(false);
  if (!asks)
    return <IconButton icon="trash" label={words.removeModel({ model: what })} onClick={() => setAsks(true)} />;
  return (
    <Button
      tone="danger"
      // It stands where the focus was.
      autoFocus
      aria-label={words.removeReally({ model: what })}
      onClick={() => void onRemove()}
      onBlur={() => setAsks(false)}
    >
      {words.remove}
    </Button>
  );
}
