import type { ReactNode } from 'react';

/** One set: a 16-pixel grid, strokes of 1.5. */
const SHAPES = {
  menu: <path d="M2.5 4.5h11M2.5 8h11M2.5 11.5h11" />,
  plus: <path d="M8 3v10M3 8h10" />,
  search: <path d="M11.2 11.2 14 14M12.5 7.2a5.3 5.3 0 1 1-10.6 0 5.3 5.3 0 0 1 10.6 0z" />,
  pencil: <path d="m10.8 2.9 2.3 2.3-7.5 7.5-3 .7.7-3zM9.3 4.4l2.3 2.3" />,
  trash: (
    <path d="M2.8 4.5h10.4M6.2 4.5V3.2c0-.4.3-.7.7-.7h2.2c.4 0 .7.3.7.7v1.3M4.2 4.5l.6 8c0 .6.5 1 1.1 1h4.2c.6 0 1.1-.4 1.1-1l.6-8" />
  ),
  pin: <path d="M5.5 2.5h5M6.3 2.5v4L4.2 9.3h7.6L9.7 6.5v-4M8 9.3v4.2" />,
  download: <path d="M8 2.5v7.6M4.8 7 8 10.2 11.2 7M3 13.3h10" />,
  copy: (
    <path d="M7.2 5.5h4.6c.9 0 1.7.8 1.7 1.7v4.6c0 .9-.8 1.7-1.7 1.7H7.2c-.9 0-1.7-.8-1.7-1.7V7.2c0-.9.8-1.7 1.7-1.7zM10.5 5.5V4.2c0-.9-.8-1.7-1.7-1.7H4.2c-.9 0-1.7.8-1.7 1.7v4.6c0 .9.8 1.7 1.7 1.7h1.3" />
  ),
  check: <path d="m3 8.5 3.2 3.2L13 4.8" />,
  refresh: <path d="M13.2 8a5.2 5.2 0 1 1-1.5-3.7l1.5 1.5M13.2 2.6v3.2H10" />,
  thumbUp: (
    <path d="m5.1 7.2 2.5-4.9c.9 0 1.6.7 1.6 1.6v2.4h3.2c.8 0 1.4.7 1.3 1.5l-.7 4.2c-.1.7-.7 1.2-1.4 1.2H5.1zM5.1 7.2v6H3c-.5 0-.8-.3-.8-.8V8c0-.5.3-.8.8-.8z" />
  ),
  thumbDown: (
    <path d="m10.9 8.8-2.5 4.9c-.9 0-1.6-.7-1.6-1.6V9.7H3.6c-.8 0-1.4-.7-1.3-1.5L3 4c.1-.7.7-1.2 1.4-1.2h6.5zM10.9 8.8v-6H13c.5 0 .8.3.8.8V8c0 .5-.3.8-.8.8z" />
  ),
  chevronLeft: <path d="M9.8 3.5 5.3 8l4.5 4.5" />,
  chevronRight: <path d="M6.2 3.5 10.7 8l-4.5 4.5" />,
  chevronDown: <path d="M3.5 6.2 8 10.7l4.5-4.5" />,
  arrowUp: <path d="M8 13V3.3M3.8 7.5 8 3.3l4.2 4.2" />,
  arrowDown: <path d="M8 3v9.7M3.8 8.5 8 12.7l4.2-4.2" />,
  close: <path d="m3.8 3.8 8.4 8.4M12.2 3.8l-8.4 8.4" />,
  more: <path d="M3.5 8h.01M8 8h.01M12.5 8h.01" strokeWidth={2.4} />,
  sun: (
    <path d="M10.8 8a2.8 2.8 0 1 1-5.6 0 2.8 2.8 0 0 1 5.6 0zM8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9" />
  ),
  moon: <path d="M13.2 9.7A5.6 5.6 0 0 1 6.3 2.8a5.6 5.6 0 1 0 6.9 6.9z" />,
  screen: (
    <path d="M3.4 2.8h9.2c.8 0 1.4.6 1.4 1.4v5.4c0 .8-.6 1.4-1.4 1.4H3.4c-.8 0-1.4-.6-1.4-1.4V4.2c0-.8.6-1.4 1.4-1.4zM8 11v2.5M5.5 13.5h5" />
  ),
  alert: <path d="M8 5.2v3.4M8 11.1v.01M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0z" />,
  file: (
    <path d="M9 2.2H4.7c-.7 0-1.2.5-1.2 1.2v9.2c0 .7.5 1.2 1.2 1.2h6.6c.7 0 1.2-.5 1.2-1.2V5.7zM9 2.2v3.5h3.5M5.8 8.6h4.4M5.8 11h3" />
  ),
  clip: <path d="M13 7.6 7.9 12.7a3.2 3.2 0 0 1-4.5-4.5l5.4-5.4a2.1 2.1 0 0 1 3 3L6.6 11a1 1 0 0 1-1.5-1.5l4.6-4.6" />,
  gear: (
    <path d="M6.8 2h2.4l.4 1.7 1.3.7 1.6-.5 1.2 2-1.2 1.2v1.6l1.2 1.3-1.2 2-1.6-.5-1.3.8-.4 1.7H6.8l-.4-1.7-1.3-.8-1.6.5-1.2-2 1.2-1.3V7.1L2.3 5.9l1.2-2 1.6.5 1.3-.7zM10 8a2 2 0 1 1-4 0 2 2 0 0 1 4 0z" />
  ),
  keyboard: (
    <path d="M3 4h10c.7 0 1.2.5 1.2 1.2v5.6c0 .7-.5 1.2-1.2 1.2H3c-.7 0-1.2-.5-1.2-1.2V5.2C1.8 4.5 2.3 4 3 4zM4.5 6.7h.01M7 6.7h.01M9.5 6.7h.01M11.8 6.7h.01M5.2 9.4h5.6" />
  ),
  chat: (
    <path d="M3.7 2.8h8.6c.8 0 1.4.6 1.4 1.4v6c0 .8-.6 1.4-1.4 1.4H7l-3 2.3v-2.3h-.3c-.8 0-1.4-.6-1.4-1.4v-6c0-.8.6-1.4 1.4-1.4z" />
  ),
  folder: (
    <path d="M2.2 4.6c0-.7.5-1.2 1.2-1.2h2.9l1.5 1.7h4.8c.7 0 1.2.5 1.2 1.2v5.1c0 .7-.5 1.2-1.2 1.2H3.4c-.7 0-1.2-.5-1.2-1.2z" />
  ),
  archive: <path d="M2.5 3h11v2.8h-11zM3.4 5.8v5.9c0 .7.5 1.3 1.2 1.3h6.8c.7 0 1.2-.6 1.2-1.3V5.8M6.5 8.5h3" />,
  unarchive: <path d="M2.8 9.5v2.7c0 .6.5 1.1 1.1 1.1h8.2c.6 0 1.1-.5 1.1-1.1V9.5M8 10V2.8M4.9 5.9 8 2.8l3.1 3.1" />,
  share: (
    <path d="M11.8 5.4a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4zM4.2 9.7a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4zM11.8 14a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4zM5.7 7.2l4.6-2.6M5.7 8.8l4.6 2.6" />
  ),
  temporary: <path d="M8 4.8V8l2.2 1.4M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0z" strokeDasharray="2.4 1.6" />,
  sliders: (
    <path d="M2.5 5h6M12 5h1.5M2.5 11H4M7.5 11h6M12 5a1.75 1.75 0 1 1-3.5 0 1.75 1.75 0 0 1 3.5 0zM7.5 11A1.75 1.75 0 1 1 4 11a1.75 1.75 0 0 1 3.5 0z" />
  ),
  spark: <path d="m7.2 2.4 1.4 3.8 3.8 1.4-3.8 1.4-1.4 3.8-1.4-3.8L2 7.6l3.8-1.4zM12.6 11v3M11.1 12.5h3" />,
  prompt: (
    <path d="M4.2 2.5h7.6c.9 0 1.7.8 1.7 1.7v7.6c0 .9-.8 1.7-1.7 1.7H4.2c-.9 0-1.7-.8-1.7-1.7V4.2c0-.9.8-1.7 1.7-1.7zM9.6 5l-3.2 6" />
  ),
  wrap: <path d="M2.5 4h11M2.5 8h8.3c1.5 0 2.2 1 2.2 2s-.7 2-2.2 2H8M9.8 10 8 12l1.8 2M2.5 12h2" />,
} satisfies Record<string, ReactNode>;

/** `blank` keeps the place of one. */
export type IconName = keyof typeof SHAPES | 'stop' | 'blank';

export function Icon({ name }: { name: IconName }) {
  return (
    <svg
      className={TURNS.has(name) ? 'icon icon-turns' : 'icon'}
      width="16"
      height="16"
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth={1.5}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      {shapeOf(name)}
    </svg>
  );
}

/** Those that point along the line turn where it runs from right to left. */
const TURNS: ReadonlySet<IconName> = new Set<IconName>(['chevronLeft', 'chevronRight']);

function shapeOf(name: IconName): ReactNode {
  if (name === 'blank') return null;
  if (name === 'stop') return <rect x="3" y="3" width="10" height="10" rx="2.5" fill="currentColor" stroke="none" />;
  return SHAPES[name];
}
