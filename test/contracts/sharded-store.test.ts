import { setTimeout as sleep } from 'node:timers/promises';
import type { OwnerId } from '../../src/ports/generations.ts';
import { age, startTestPostgres } from '../support/postgres.ts';
import { openShardedTestStore, shardConfig } from '../support/sharded-postgres.ts';
import { newId, type StoreHarness } from './store/harness.ts';
import { describeStoreContract } from './store/store.contract.ts';
import { withDeclarations } from './with-declarations.ts';

const TIMINGS = { leaseMs: 6_000, trustAfterMs: 2_500, sweepBackoffMs: 3_000 };

async function makeStore(): Promise<StoreHarness> {
  await using starting = new AsyncDisposableStack();
  const servers = [starting.use(await startTestPostgres()), starting.use(await startTestPostgres())];
  const shards = servers.map(({ server }, index) => shardConfig(`shard-${index + 1}`, server.connectionOptions));
  const store = starting.use(await openShardedTestStore(shards, { ...TIMINGS, newId }));
  const started = starting.move();
  const declarations = new Map<OwnerId, AsyncDisposable>();
  let trustedFrom = performance.now() + TIMINGS.trustAfterMs;
  await sleep(TIMINGS.trustAfterMs + 50);
  return {
    ports: { ...store, generations: withDeclarations(store.generations, declarations) },
    timings: TIMINGS,
    async advance(ms) {
      const slept = Math.max(0, Math.min(ms, trustedFrom - performance.now()));
      await sleep(slept);
      if (ms > slept) await Promise.all(servers.map((server) => age(server, ms - slept)));
    },
    async killOwner(owner) {
      await declarations.get(owner)?.[Symbol.asyncDispose]();
    },
    async restartDatabase() {
      await Promise.all(servers.map((server) => server.restart()));
      // Calls fail at once until the watch has seen them up.
      while (store.shards.status().some(({ state }) => state === 'down')) await sleep(10);
      trustedFrom = performance.now() + TIMINGS.trustAfterMs + 100;
    },
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

describeStoreContract('PostgreSQL on two shards', makeStore);
