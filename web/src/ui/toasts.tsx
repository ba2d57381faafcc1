import { createStore } from '../lib/store.ts';
import { common } from './words.ts';
import './toasts.css';

export type Toast = {
  text: string;
  bad?: boolean;
  /** Whoever showed it closes it. */
  stays?: boolean;
  action?: { label: string; run(): void };
};

const SHOWN_MS = 6_000;

const toasts = createStore<readonly (Toast & { id: number })[]>([]);
let lastId = 0;

export function showToast(toast: Toast): number {
  const id = ++lastId;
  toasts.set([...toasts.get(), { ...toast, id }]);
  if (!toast.stays) setTimeout(() => closeToast(id), SHOWN_MS);
  return id;
}

export function closeToast(id: number): void {
  toasts.set(toasts.get().filter((toast) => toast.id !== id));
}

/** What just happened, in one line, with the way back where there is one. */
export function Toasts() {
  const shown = toasts.use();
  return (
    <section className="toasts" aria-label={common.notices} aria-live="polite">
      {shown.map(({ id, text, bad, action }) => (
        <div key={id} className={bad ? 'toast toast-bad' : 'toast'}>
          <span dir="auto">{text}</span>
          {action && (
            <button type="button" onClick={action.run}>
              {action.label}
            </button>
          )}
        </div>
      ))}
    </section>
  );
}
