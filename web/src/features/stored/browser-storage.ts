const OURS = 'chatterbot';

/** What this browser keeps of the page: drafts, settings, places. Empty where storage is forbidden. */
function ownKeys(storage: Storage): string[] {
  return Object.keys(storage).filter((key) => key.startsWith(OURS));
}

const storages = (): Storage[] => {
  try {
    return [localStorage, sessionStorage];
  } catch {
    return [];
  }
};

export function keptInBrowser(): { entries: number; bytes: number } {
  const texts = storages().flatMap((storage) => ownKeys(storage).map((key) => key + (storage.getItem(key) ?? '')));
  return { entries: texts.length, bytes: new TextEncoder().encode(texts.join('')).length };
}

/** Returns how many entries there were. What is kept for use without the server goes too. */
export async function clearBrowser(): Promise<number> {
  const { entries } = keptInBrowser();
  for (const storage of storages()) for (const key of ownKeys(storage)) storage.removeItem(key);
  if ('caches' in window) for (const name of await caches.keys()) await caches.delete(name);
  if ('databases' in indexedDB) {
    for (const { name } of await indexedDB.databases()) if (name?.startsWith(OURS)) indexedDB.deleteDatabase(name);
  }
  return entries;
}
