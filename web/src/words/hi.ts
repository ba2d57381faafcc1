import type { Translation } from './words.ts';

export default {} satisfies Translation;
