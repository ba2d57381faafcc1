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

/** The page's own files, which say nothing of anybody. */
const PAGE_FILES = /^chatterbot-files-/;

/** Returns how many entries there were. What was kept to be read without the server goes too. */
export async function clearBrowser(): Promise<number> {
  const { entries } = keptInBrowser();
  for (const storage of storages()) for (const key of ownKeys(storage)) storage.removeItem(key);
  if ('caches' in window) {
    const names = (await caches.keys()).filter((name) => !PAGE_FILES.test(name));
    await Promise.all(names.map((name) => caches.delete(name)));
  }
  return entries;
}
