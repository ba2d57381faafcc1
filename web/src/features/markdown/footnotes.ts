import { words } from './words.ts';

/** What is said of footnotes, in the language of the page. */
export const footnoteWords = () => ({
  footnoteLabel: words.footnotes,
  footnoteBackLabel: (reference: number) => words.backToText({ number: reference + 1 }),
});
