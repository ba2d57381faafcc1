import { MemoryTokenLog } from '../../src/adapters/memory/token-log.ts';
import { tokenLogContract } from './token-log.contract.ts';

tokenLogContract('memory', {
  faults: ['loseTail', 'loseAll'],
  start: async () => {
    const log = new MemoryTokenLog();
    return {
      log,
      settle: async () => {},
      loseTail: async (id, bytes) => log.loseTail(id, bytes),
      loseAll: async () => log.loseAll(),
      [Symbol.asyncDispose]: async () => {},
    };
  },
});
