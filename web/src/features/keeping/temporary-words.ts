import { catalogue } from '../../words/words.ts';

/** Of chats that are not kept. */
export const words = catalogue('temporary', {
  chat: 'Temporary chat',
  keepIt: 'Keep it',
  meaning: 'In no list and no search. Deleted for good when you go to another chat.',
  note: 'Temporary: deleted for good when you go to another chat. If the page closes or reloads, it is still at this address, and goes by itself some time after the last word.',
});
