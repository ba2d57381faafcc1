import { createKeptStore } from '../lib/store.ts';

const AT_MOST = 100;
const questions = createKeptStore<readonly string[]>('sessionStorage', 'chatterbot.side-by-side', []);

/** Whether the answers to this question are shown side by side, until one is chosen to go on with. */
export function compare(question: string, sideBySide: boolean): void {
  const others = questions.get().filter((id) => id !== question);
  questions.set(sideBySide ? [...others, question].slice(-AT_MOST) : others);
}

export function useComparing(question: string | null | undefined): boolean {
  return questions.use().some((id) => id === question);
}
