import { catalogue } from '../words/words.ts';

/** What happened, wherever in the page it is said. */
export const words = catalogue('happened', {
  archived: 'Archived “{title}”.',
  deleted: 'Deleted “{title}”.',
  inLine: 'Number {count} in line',
  keepsName: '“{title}” keeps its name. {why}',
  milliseconds: '{number} ms',
  minutes: '{number} min',
  nextInLine: 'Next in line',
  notKept: 'It was not kept. {why}',
  placeAndTime: '{place}, about {time}',
  seconds: '{number} s',
  sending: 'Sending to the model',
  staysAsItWas: '“{title}” stays as it was. {why}',
  stillHere: '“{title}” is still here. {why}',
  temporaryDeleted: 'The temporary chat is deleted.',
  tryAgainIn: '{what} Try again in {time}.',
  unreachable: 'The server cannot be reached. Nothing you typed is lost.',
  wrongHere: 'Something went wrong on this page.',
});
