import { createStore } from '../lib/store.ts';

const words = createStore('');

/** Says something to people who listen to the page. The transcript itself is not read out as it grows. */
export const announce = words.set;

export function Announcer() {
  const text = words.use();
  return (
    <div className="visually-hidden" role="status" aria-live="polite">
      {text}
    </div>
  );
}
