/** `mod`: ⌘ on Apple's machines, Ctrl elsewhere. */
export type Keys = { key: string; mod?: boolean; shift?: boolean };

const APPLE = /Mac|iPhone|iPad/.test(navigator.platform);

const NAMES: Readonly<Record<string, string>> = { Escape: 'Esc', Backspace: APPLE ? '⌫' : 'Backspace', ArrowUp: '↑' };

/** Each key by itself, as it is printed on a keyboard. */
export function keyNames({ key, mod, shift }: Keys): string[] {
  return [
    ...(mod ? [APPLE ? '⌘' : 'Ctrl'] : []),
    ...(shift ? [APPLE ? '⇧' : 'Shift'] : []),
    NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key),
  ];
}

export function matches(event: KeyboardEvent, { key, mod = false, shift = false }: Keys): boolean {
  if (event.altKey || (event.metaKey || event.ctrlKey) !== mod) return false;
  // Which keys give a question mark differs by keyboard.
  if (key !== '?' && event.shiftKey !== shift) return false;
  return event.key.toLowerCase() === key.toLowerCase();
}
