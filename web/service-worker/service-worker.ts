/**
 * Keeps the files of one build, so that the page opens without its server. It answers for nothing else: what
 * was said is kept by the page itself. The build puts the first two values in.
 */
declare const BUILD: string;
declare const FILES: readonly string[];

const worker = self as unknown as ServiceWorkerGlobalScope;
const PREFIX = 'chatterbot-files-';
const CACHE = PREFIX + BUILD;
const SHELL = '/';

worker.addEventListener('install', (event) => event.waitUntil(keepFiles()));
worker.addEventListener('activate', (event) => event.waitUntil(worker.clients.claim()));

/** Only whole: while servers of two builds answer, it is tried again at the next visit. */
async function keepFiles(): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll(
    FILES.map((file) => new Request(file, { cache: file.startsWith('/assets/') ? 'default' : 'reload' })),
  );
  const shell = await (await cache.match(SHELL))?.text();
  const wanted = /\/assets\/[^"]+\.js/.exec(shell ?? '')?.[0];
  if (wanted && FILES.includes(wanted)) return;
  await caches.delete(CACHE);
  throw new Error('The page and its files are of different builds.');
}

/** A new build waits until nobody uses the old one, or somebody wants it. */
worker.addEventListener('message', (event) => {
  if (event.data === 'take over') void worker.skipWaiting();
  if (event.data === 'opened') event.waitUntil(forgetOldBuilds((event.source as Client | null)?.id));
});

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== worker.location.origin) return;
  if (request.mode === 'navigate' && /^\/(?:[cs]\/[^/]+\/?)?$/.test(url.pathname)) {
    event.respondWith(kept(SHELL, CACHE).then((response) => response ?? fetch(request)));
  } else if (FILES.includes(url.pathname) || url.pathname.startsWith('/assets/')) {
    // A tab of an older build finds its own files.
    event.respondWith(kept(url.pathname).then((response) => response ?? fetch(request)));
  }
});

const kept = (path: string, cacheName?: string): Promise<Response | undefined> =>
  caches.match(path, { ...(cacheName !== undefined && { cacheName }), ignoreVary: true });

/** Their files stay for as long as any other tab is open that may want them. */
async function forgetOldBuilds(opened: string | undefined): Promise<void> {
  const open = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
  if (open.some(({ id }) => id !== opened)) return;
  const names = await caches.keys();
  await Promise.all(
    names.filter((name) => name.startsWith(PREFIX) && name !== CACHE).map((name) => caches.delete(name)),
  );
}
