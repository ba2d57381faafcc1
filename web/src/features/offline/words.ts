import { catalogue } from '../../words/words.ts';

export const words = catalogue('offline', {
  dismiss: 'Not now',
  newVersion: 'A new version is ready.',
});
