import { useState } from 'react';

const opened = new Set<string>();

/** Whether something of a message is open, also after it was scrolled out of the document and back. */
export function useKept(key: string): [open: boolean, change: (open: boolean) => void] {
  const [open, setOpen] = useState(() => opened.has(key));
  return [
    open,
    (next) => {
      if (next) opened.add(key);
      else opened.delete(key);
      setOpen(next);
    },
  ];
}
