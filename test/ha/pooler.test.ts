import { expect, test } from 'vitest';
import { newId, newPerson } from '../contracts/store/harness.ts';
import { startPgBouncer } from '../support/pgbouncer.ts';
import { startPostgresServer } from '../support/postgres-server.ts';
import { openShardedTestStore, shardConfig } from '../support/sharded-postgres.ts';

const OPTIONS = { leaseMs: 15_000, trustAfterMs: 0, sweepBackoffMs: 2_000, newId };
const SWALLOWED = 'options, statement_timeout, idle_in_transaction_session_timeout';

test.each([
  ['as it comes', {}, 'unsupported startup parameter'],
  ['made to take any session', { ignore_startup_parameters: SWALLOWED }, 'connect to PostgreSQL directly'],
])('behind a pooler %s nothing is opened, and the reason is said', async (_how, settings, reason) => {
  await using server = await startPostgresServer();
  await using bouncer = await startPgBouncer(server.connection, settings);
  const opening = openShardedTestStore([shardConfig('only', bouncer.connection)], OPTIONS);
  const error = await opening.then(
    () => null,
    (failure: Error) => failure,
  );
  expect(rootOf(error!).message).toContain(reason);
});

test('a shard listed behind one is down, by name and reason, and the others serve', async () => {
  await using directory = await startPostgresServer();
  await using server = await startPostgresServer();
  await using bouncer = await startPgBouncer(server.connection, { ignore_startup_parameters: SWALLOWED });
  const shards = [shardConfig('direct', directory.connection), shardConfig('pooled', bouncer.connection)];
  await using store = await openShardedTestStore(shards, OPTIONS);
  expect(store.shards.status()).toMatchObject([
    { name: 'direct', state: 'up' },
    { name: 'pooled', state: 'down', trouble: expect.stringContaining('connect to PostgreSQL directly') },
  ]);
  for (let n = 0; n < 4; n++) {
    expect((await store.shards.locate((await newPerson(store)).userId))?.name).toBe('direct');
  }
});

function rootOf(error: Error): Error {
  return error.cause instanceof Error ? rootOf(error.cause) : error;
}
