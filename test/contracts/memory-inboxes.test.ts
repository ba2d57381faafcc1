import { MemoryInboxes } from '../../src/adapters/memory/inboxes.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import { inboxesContract } from './inboxes.contract.ts';

inboxesContract('memory', async () => ({
  inboxes: new MemoryInboxes(new SystemClock()),
  [Symbol.asyncDispose]: async () => {},
}));
