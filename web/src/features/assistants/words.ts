import { catalogue } from '../../words/words.ts';

export const words = catalogue('assistants', {
  assistant: 'Assistant',
  assistants: 'Assistants',
  assistantsWhat: 'Instructions, style and a greeting under a name. Choose one to begin a chat with it.',
  change: 'Change {name}',
  deleteThis: 'Delete {name}',
  greeting: 'Greeting',
  greetingWhat: 'Stands in the empty chat. The model does not read it.',
  name: 'Name',
  needsName: 'An assistant needs a name.',
  new: 'New assistant',
  none: 'You have none yet.',
  what: 'Instructions and style under a name, to begin chats with.',
});
