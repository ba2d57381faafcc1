import { catalogue } from '../../words/words.ts';

export const words = catalogue('share', {
  answer: 'Answer',
  nothing: 'Nothing is shared here.',
  notNow: 'This cannot be shown now.',
  question: 'Question',
  sharedOn: 'Shared on {date}. Answers of a model can be wrong.',
  takenBack: 'Whoever shared it has taken it back.',
});
