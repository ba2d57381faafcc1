import { catalogue } from '../../words/words.ts';

export const words = catalogue('palette', {
  chats: 'Chats',
  commands: 'Commands',
  found: 'Found',
  lastAgain: 'Your last message again, in an empty field',
  newest: 'Newest chats',
  noMessage: 'No message says so.',
  nothing: 'Nothing found for “{words}”.',
  said: 'Said in chats',
  searching: 'Searching',
  stop: 'Stop the answer',
  type: 'Search chats, or type a command',
});
