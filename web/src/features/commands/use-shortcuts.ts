import { useLayoutEffect } from 'react';
import { matches } from './keys.ts';
import type { Command } from './use-commands.ts';

/**
 * Runs commands by their keys, wherever the focus is; single keys only where nobody types. From the moment that the
 * page is seen.
 */
export function useShortcuts(commands: readonly Command[]): void {
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.isComposing || document.querySelector('dialog[open]')) return;
      const command = commands.find(({ keys }) => keys && matches(event, keys));
      const typing = (event.target as Element).closest('input, textarea, select');
      if (!command || (typing && command.keys?.key.length === 1 && !command.keys.mod)) return;
      event.preventDefault();
      command.run();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [commands]);
}
