import { MemoryDeadLetters } from '../../src/adapters/memory/dead-letters.ts';
import { MemoryRoutes } from '../../src/adapters/memory/routes.ts';
import { MemoryUsageReports } from '../../src/adapters/memory/usage-reports.ts';
import { MemoryUserDeletions } from '../../src/adapters/memory/user-deletions.ts';
import { MemoryUserItems } from '../../src/adapters/memory/user-items.ts';
import { MemoryWebhooks } from '../../src/adapters/memory/webhooks.ts';
import { MemoryWorkspaces } from '../../src/adapters/memory/workspaces.ts';
import type { DeadLetters } from '../../src/ports/dead-letters.ts';
import type { OwnerId } from '../../src/ports/generations.ts';
import { addUpUsage, type UsageReports } from '../../src/ports/usage-reports.ts';
import { Scheduler } from '../simulation/scheduler.ts';
import { reachShards } from '../simulation/shards/reach-shards.ts';
import { ShardedGenerations } from '../simulation/shards/sharded-generations.ts';
import { ShardedDirectory, ShardedOutbox, shardedConversations } from '../simulation/shards/sharded-store.ts';
import { SimulatedDirectory } from '../simulation/shards/simulated-directory.ts';
import { SimulatedShard } from '../simulation/shards/simulated-shard.ts';
import { Witness } from '../simulation/shards/witness.ts';
import { SimulatedProcess } from '../simulation/simulated-process.ts';
import type { StorePorts } from './store/harness.ts';
import { describeStoreContract } from './store/store.contract.ts';
import { withDeclarations } from './with-declarations.ts';

const TIMINGS = { leaseMs: 15_000, trustAfterMs: 3_000, sweepBackoffMs: 2_000 };
const STEP_MS = 50;

/** What the simulation takes for shards of PostgreSQL keeps the same contracts. */
describeStoreContract(
  'in-memory shards',
  async () => {
    const scheduler = new Scheduler(1);
    const now = () => scheduler.now + 1_700_000_000_000;
    const witness = new Witness(now, Number.POSITIVE_INFINITY, () => {});
    const shards = [0, 1, 2].map(
      (id) => new SimulatedShard({ id, timings: TIMINGS, now, without: undefined }, witness),
    );
    witness.watch(shards);
    const process = new SimulatedProcess('contract', scheduler, { least: 0, most: 0 });
    const routes = new MemoryRoutes(process.clock(() => ''));
    const reached = reachShards(process, shards, new SimulatedDirectory(now));
    const declarations = new Map<OwnerId, AsyncDisposable>();
    const ports: StorePorts = {
      generations: new ShardedGenerations(reached, routes),
      outbox: new ShardedOutbox(reached, routes),
      conversations: shardedConversations(reached),
      directory: new ShardedDirectory(reached),
      deadLetters: deadLettersOf(shards),
      workspaces: new MemoryWorkspaces(shards[0]!.database),
      deletions: new MemoryUserDeletions(shards[0]!.database),
      webhooks: new MemoryWebhooks(shards[0]!.database),
      items: new MemoryUserItems(shards[0]!.database),
      usage: usageOf(shards),
    };
    const life = new AbortController();
    void drive(scheduler, life.signal);
    return {
      ports: { ...ports, generations: withDeclarations(ports.generations, declarations) },
      timings: TIMINGS,
      async advance(ms) {
        scheduler.after(ms, () => {});
        await scheduler.run(scheduler.now + ms, () => false);
      },
      async killOwner(owner) {
        for (const { database } of shards) database.processDied(owner);
      },
      async restartDatabase() {
        for (const shard of shards) shard.restart(TIMINGS.trustAfterMs / 2);
      },
      [Symbol.asyncDispose]: async () => life.abort(),
    };
  },
  { isModel: true },
);

/** Virtual time goes on from event to event, for as long as the test runs. */
async function drive(scheduler: Scheduler, stopped: AbortSignal): Promise<void> {
  while (!stopped.aborted) {
    await scheduler.run(scheduler.now + STEP_MS, () => false);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

function usageOf(shards: readonly SimulatedShard[]): UsageReports {
  const all = shards.map(({ database }) => new MemoryUsageReports(database));
  return {
    async countEmbedding(userId, use) {
      await Promise.all(all.map((each) => each.countEmbedding(userId, use)));
    },
    async read(query) {
      return addUpUsage((await Promise.all(all.map((each) => each.read(query)))).flat(), query.by);
    },
  };
}

function deadLettersOf(shards: readonly SimulatedShard[]): DeadLetters {
  const all = shards.map(({ database }) => new MemoryDeadLetters(database));
  return {
    async list(page) {
      const found = (await Promise.all(all.map((each) => each.list(page)))).flat();
      return found.sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, page.limit);
    },
    async count() {
      const counts = await Promise.all(all.map((each) => each.count()));
      return counts.reduce((sum, count) => sum + count, 0);
    },
    async replay(id) {
      for (const each of all) {
        const job = await each.replay(id);
        if (job) return job;
      }
      return null;
    },
  };
}
