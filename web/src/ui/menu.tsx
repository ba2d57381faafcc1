import { type KeyboardEvent, type ReactNode, useId, useRef, useState } from 'react';
import { Icon, type IconName } from './icon.tsx';
import './menu.css';

export type MenuEntry =
  | { kind?: 'action'; icon: IconName; label: string; danger?: boolean; onSelect(): void }
  | { kind: 'line' }
  | { kind: 'link'; icon: IconName; label: string; href: string };

export type MenuTrigger = {
  onClick(): void;
  onKeyDown(event: KeyboardEvent): void;
  'aria-haspopup': 'menu';
  'aria-expanded': boolean;
  'aria-controls': string;
};

type MenuProps = { label: string; trigger(props: MenuTrigger): ReactNode; entries: readonly MenuEntry[] };

const GAP_PX = 4;

/**
 * Actions behind a button, in the browser's own popover: the top layer, Escape and a click elsewhere are its
 * business; places, arrow keys and the way back of the focus are ours.
 */
export function Menu({ label, trigger, entries }: MenuProps) {
  const id = useId();
  const anchor = useRef<HTMLSpanElement>(null);
  const popup = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);
  const button = (): HTMLElement | null | undefined => anchor.current?.querySelector<HTMLElement>('[aria-haspopup]');

  function show(): void {
    const element = popup.current;
    const place = button()?.getBoundingClientRect();
    if (!element || !place || open) return;
    element.showPopover();
    const { offsetWidth: width, offsetHeight: height } = element;
    const below = place.bottom + GAP_PX + height <= innerHeight;
    element.style.top = `${below ? place.bottom + GAP_PX : Math.max(GAP_PX, place.top - GAP_PX - height)}px`;
    const left = getComputedStyle(element).direction === 'rtl' ? place.left : place.right - width;
    element.style.left = `${Math.max(GAP_PX, Math.min(left, innerWidth - width - GAP_PX))}px`;
    items()[0]?.focus();
  }

  const items = (): HTMLElement[] => [...(popup.current?.querySelectorAll<HTMLElement>('[role="menuitem"]') ?? [])];

  function close(): void {
    popup.current?.hidePopover();
    button()?.focus();
  }

  function onKeyDown(event: KeyboardEvent): void {
    const all = items();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to: Record<string, number> = {
      ArrowDown: (at + 1) % all.length,
      ArrowUp: (at - 1 + all.length) % all.length,
      Home: 0,
      End: all.length - 1,
    };
    const next = to[event.key];
    if (next !== undefined) all[next]?.focus();
    else if (event.key === 'Escape' || event.key === 'Tab') close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  return (
    <span className="menu-anchor" ref={anchor}>
      {trigger({
        onClick: () => (open ? close() : show()),
        onKeyDown(event) {
          if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
          event.preventDefault();
          show();
        },
        'aria-haspopup': 'menu',
        'aria-expanded': open,
        'aria-controls': id,
      })}
      <div
        ref={popup}
        id={id}
        className="menu"
        role="menu"
        tabIndex={-1}
        aria-label={label}
        popover="auto"
        onToggle={(event) => setOpen(event.newState === 'open')}
        onKeyDown={onKeyDown}
      >
        {entries.map((entry, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: two may have the same name.
          <Item key={index} entry={entry} onDone={close} />
        ))}
      </div>
    </span>
  );
}

function Item({ entry, onDone }: { entry: MenuEntry; onDone(): void }) {
  if (entry.kind === 'line') return <hr className="menu-line" />;
  const content = (
    <>
      <Icon name={entry.icon} />
      <span className="menu-label" dir="auto">
        {entry.label}
      </span>
    </>
  );
  if (entry.kind === 'link') {
    return (
      <a className="menu-item" role="menuitem" tabIndex={-1} href={entry.href} download onClick={onDone}>
        {content}
      </a>
    );
  }
  return (
    <button
      type="button"
      className={`menu-item ${entry.danger ? 'menu-item-danger' : ''}`}
      role="menuitem"
      tabIndex={-1}
      onClick={() => {
        onDone();
        entry.onSelect();
      }}
    >
      {content}
    </button>
  );
}
