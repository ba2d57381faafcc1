import { createStore } from '../lib/store.ts';

const LOOK_EVERY_MS = 60 * 60_000;

const ready = createStore(false);

/** Whether a newer build of the page is here, and would be shown after a reload. */
export const useNewVersion = ready.use;
export const dismissNewVersion = (): void => ready.set(false);

let registration: ServiceWorkerRegistration | null | undefined;

/** Keeps the files of the page in this browser, and looks for newer ones now and then. */
export async function keepFiles(): Promise<void> {
  // Files that are asked for and are gone are of a build that is.
  window.addEventListener('vite:preloadError', () => ready.set(true));
  // Only over https or from this machine; and the browser may forbid it.
  registration = await navigator.serviceWorker
    ?.register('/service-worker.js', { updateViaCache: 'none' })
    .catch(() => null);
  if (!registration) return;
  const { installing, waiting } = registration;
  if (waiting && navigator.serviceWorker.controller) ready.set(true);
  tellWhenInstalled(installing);
  registration.addEventListener('updatefound', () => tellWhenInstalled(registration?.installing ?? null));
  setInterval(() => void registration?.update().catch(() => {}), LOOK_EVERY_MS);
  navigator.serviceWorker.controller?.postMessage('opened');
}

function tellWhenInstalled(worker: ServiceWorker | null): void {
  worker?.addEventListener('statechange', () => {
    // The first of all takes nobody's place.
    if (worker.state === 'installed' && navigator.serviceWorker.controller) ready.set(true);
  });
}

/** Drafts and answers being made are found again. */
export function showNewVersion(): void {
  const waiting = registration?.waiting;
  if (waiting) {
    navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
    waiting.postMessage('take over');
  } else {
    location.reload();
  }
}
