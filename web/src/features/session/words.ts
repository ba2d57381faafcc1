import { catalogue } from '../../words/words.ts';

export const words = catalogue('session', {
  apiKey: 'API key',
  asksOnce: 'This server asks for an API key once. The key is exchanged for a cookie and not kept in the page.',
  mayBeStarting: 'It may be starting. Your conversations are kept where it runs.',
  signIn: 'Sign in',
  unknownKey: 'This key is not known here.',
  unreachable: 'The server cannot be reached',
});
