import { catalogue } from '../../words/words.ts';

export const words = catalogue('offline', {
  away: {
    one: 'The server cannot be reached. You see the one chat that this browser kept; what you write is kept too, and can be sent once the server is there.',
    other:
      'The server cannot be reached. You see the {count} chats that this browser kept; what you write is kept too, and can be sent once the server is there.',
  },
  awayEmpty:
    'The server cannot be reached, and this browser has kept no chats. What you write is kept, and can be sent once the server is there.',
  dismiss: 'Not now',
  newVersion: 'A new version is ready.',
});
