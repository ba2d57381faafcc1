import { createKeptStore } from '../lib/store.ts';

const open = createKeptStore<readonly string[]>('localStorage', 'chatterbot.open-folders', []);

export function toggleFolder(id: string): void {
  const others = open.get().filter((each) => each !== id);
  open.set(others.length < open.get().length ? others : [...others, id]);
}

export const useOpenFolders = (): readonly string[] => open.use();
