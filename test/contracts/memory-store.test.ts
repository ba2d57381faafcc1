import { MemoryConversations } from '../../src/adapters/memory/conversations.ts';
import { MemoryDatabase } from '../../src/adapters/memory/database.ts';
import { MemoryDeadLetters } from '../../src/adapters/memory/dead-letters.ts';
import { MemoryDirectory } from '../../src/adapters/memory/directory.ts';
import { MemoryGenerations } from '../../src/adapters/memory/generations.ts';
import { MemoryOutbox } from '../../src/adapters/memory/outbox.ts';
import { MemoryUsageReports } from '../../src/adapters/memory/usage-reports.ts';
import { MemoryUserDeletions } from '../../src/adapters/memory/user-deletions.ts';
import { MemoryUserItems } from '../../src/adapters/memory/user-items.ts';
import { MemoryWebhooks } from '../../src/adapters/memory/webhooks.ts';
import { MemoryWorkspaces } from '../../src/adapters/memory/workspaces.ts';
import { describeStoreContract } from './store/store.contract.ts';

describeStoreContract('in-memory', async () => {
  let now = 1_700_000_000_000;
  const timings = { leaseMs: 15_000, trustAfterMs: 3_000, sweepBackoffMs: 2_000 };
  const database = new MemoryDatabase(timings, () => now);
  return {
    ports: {
      generations: new MemoryGenerations(database),
      outbox: new MemoryOutbox(database),
      deadLetters: new MemoryDeadLetters(database),
      conversations: new MemoryConversations(database),
      workspaces: new MemoryWorkspaces(database),
      directory: new MemoryDirectory(database),
      deletions: new MemoryUserDeletions(database),
      usage: new MemoryUsageReports(database),
      webhooks: new MemoryWebhooks(database),
      items: new MemoryUserItems(database),
    },
    timings,
    advance: async (ms) => {
      now += ms;
    },
    killOwner: async (owner) => database.processDied(owner),
    restartDatabase: async () => database.restart(timings.trustAfterMs / 2),
    [Symbol.asyncDispose]: async () => {},
  };
});
