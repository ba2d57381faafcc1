import { catalogue } from '../../words/words.ts';

export const words = catalogue('receipt', {
  connectionLost: 'Connection lost, trying again. The answer goes on meanwhile.',
  done: 'Done',
  firstWord: 'first word {time}',
  offline: 'Offline. The answer goes on, and will be here when you are back.',
  pickedUp: 'picked up where it left off',
  reading: 'Reading',
  receipt: 'Receipt: ',
  serverSilent: 'The server does not answer; it may be restarting. What is written is kept, and goes on from here.',
  speed: '{number} tokens/s',
  takenOver: 'taken over',
  takingOver: 'another process took over',
  thinking: 'Thinking',
  writing: 'Writing',
});
