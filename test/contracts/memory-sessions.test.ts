import { MemorySessions } from '../../src/adapters/memory/sessions.ts';
import { ManualClock } from './manual-clock.ts';
import { sessionsContract } from './sessions.contract.ts';

sessionsContract('memory', async () => {
  const clock = new ManualClock();
  const sessions = new MemorySessions(clock);
  return {
    sessions,
    elsewhere: sessions,
    pass: (ms) => clock.advance(ms),
    async [Symbol.asyncDispose]() {},
  };
});
