import { createKeptStore } from '../../lib/store.ts';

type Values = Readonly<Record<string, string>>;

/** Of so many prompts the values are remembered, the newest last. */
const AT_MOST = 50;

const kept = createKeptStore<readonly { id: string; values: Values }[]>('localStorage', 'chatterbot.prompt-values', []);

/** What was typed the last time that this prompt was used. */
export const lastValues = (id: string): Values => kept.get().find((each) => each.id === id)?.values ?? {};

export const keepValues = (id: string, values: Values): void =>
  kept.set([...kept.get().filter((each) => each.id !== id), { id, values }].slice(-AT_MOST));
