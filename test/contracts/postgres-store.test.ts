import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'vitest';
import type { Binaries } from '../../src/adapters/postgres/local-binaries.ts';
import type { OwnerId } from '../../src/ports/generations.ts';
import { age, openTestStore, startTestPostgres, systemBinaries } from '../support/postgres.ts';
import { newId, type StoreHarness } from './store/harness.ts';
import { describeStoreContract } from './store/store.contract.ts';
import { withDeclarations } from './with-declarations.ts';

const TIMINGS = { leaseMs: 6_000, trustAfterMs: 2_000, sweepBackoffMs: 3_000 };

async function makeStore(binaries?: Binaries): Promise<StoreHarness> {
  await using starting = new AsyncDisposableStack();
  const postgres = starting.use(await startTestPostgres(binaries));
  const store = starting.use(await openTestStore(postgres, { ...TIMINGS, newId }));
  const started = starting.move();
  const declarations = new Map<OwnerId, AsyncDisposable>();
  // The store began to see the database up when it was opened.
  let trustedFrom = performance.now() + TIMINGS.trustAfterMs;
  await sleep(TIMINGS.trustAfterMs + 50);
  return {
    ports: { ...store, generations: withDeclarations(store.generations, declarations) },
    timings: TIMINGS,
    async advance(ms) {
      // Trust is a matter of real time, rows are moved back; together they make `ms`.
      const slept = Math.max(0, Math.min(ms, trustedFrom - performance.now()));
      await sleep(slept);
      if (ms > slept) await age(postgres, ms - slept);
    },
    async killOwner(owner) {
      await declarations.get(owner)?.[Symbol.asyncDispose]();
    },
    async restartDatabase() {
      await postgres.restart();
      trustedFrom = performance.now() + TIMINGS.trustAfterMs + 100;
    },
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

describeStoreContract('PostgreSQL', () => makeStore());

// The oldest supported; elsewhere than on Debian 12 it is rarely installed, and said to be left out.
const oldest = await systemBinaries(15);
if (oldest) describeStoreContract('PostgreSQL 15', () => makeStore(oldest));
else test.skip('PostgreSQL 15 is not installed here');
