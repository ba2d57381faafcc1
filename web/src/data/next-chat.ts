import { createStore } from '../lib/store.ts';

const temporary = createStore(false);

/** Whether the next new chat is not to be kept. */
export const isNextTemporary = temporary.get;
export const makeNextTemporary = temporary.set;
export const useNextTemporary = temporary.use;
