import type { ShardConfig } from '../../src/adapters/postgres/shard-config.ts';
import { UserMover } from '../../src/adapters/postgres/user-moves.ts';
import { newId } from '../contracts/store/harness.ts';
import { openShardedTestStore } from './sharded-postgres.ts';

/** Moves the users it is given from shard to shard, says a line for each, and is made to be killed. */
const { shards, users } = JSON.parse(process.argv[2]!) as { shards: ShardConfig[]; users: string[] };
const store = await openShardedTestStore(shards, { leaseMs: 15_000, trustAfterMs: 0, sweepBackoffMs: 2_000, newId });
const mover = new UserMover(store.shards);
process.stdout.write('ready\n');
for (let turn = 0; ; turn++) {
  await mover.resume().catch(() => {});
  const outcome = await mover.move(users[turn % users.length]!, turn % shards.length).catch((error: unknown) => {
    process.stderr.write(`${error}\n`);
    return { kind: 'failed' };
  });
  process.stdout.write(`${outcome.kind}\n`);
}
