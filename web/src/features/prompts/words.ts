import { catalogue } from '../../words/words.ts';

export const words = catalogue('prompts', {
  deleteThis: 'Delete {name}',
  fillIn: 'Fill in',
  find: 'Find a prompt',
  found: { one: '{count} prompt', other: '{count} prompts' },
  manage: 'Manage prompts',
  name: 'Name',
  needsName: 'A prompt needs a name.',
  needsText: 'A prompt needs a text.',
  new: 'New prompt',
  none: 'You have no prompts yet.',
  noneFound: 'No prompt has these words.',
  prompt: 'Prompt',
  prompts: 'Prompts',
  promptsWhat: 'Texts to use again. Type / in an empty message to choose one.',
  put: 'Use it',
  save: 'Save',
  saved: 'Kept as “{name}”. Type / in an empty message to use it.',
  text: 'Text',
  textWhat: 'Names in double curly brackets are asked for when the prompt is used.',
});
