import { PostgresPool } from '../adapters/postgres/pool.ts';
import { type Difference, type DifferenceKind, differences, isShard, repair } from '../adapters/postgres/reconcile.ts';
import type { ShardSet } from '../adapters/postgres/shard-set.ts';
import type { StoreConfig } from '../config/config.ts';
import { ExitError } from '../config/exit-codes.ts';
import { database } from '../config/server-addresses.ts';

/** What a difference means to whoever reads it. Those with a name behind them are listed one by one. */
const MEANING: Readonly<Record<DifferenceKind, string>> = {
  left: 'moved away since: what is here is stale, and goes',
  deleted: 'deleted since: deleted here again',
  returned: 'moved away and back since: what they wrote in between is lost, or in the backup of the shard they were on',
  frozen: 'were about to move: may write again',
  arrived: 'came since: begin anew here',
  moving: 'on the move now: run this again',
  ahead: 'the directory is older than this shard: restore it to a later moment',
  unknown: 'not known to the directory: found again when they next say something',
};
const LISTED: ReadonlySet<DifferenceKind> = new Set(['returned', 'arrived', 'moving', 'ahead', 'unknown']);

/**
 * A shard that was brought back to an earlier moment, beside the directory. `address`: where it stands now, if not
 * where the list says. Prints what differs; with `repairs` sees to it that the directory's word stands.
 */
export async function reconcileShard(
  set: ShardSet,
  config: StoreConfig,
  name: string,
  address: string | null,
  repairs: boolean,
): Promise<void> {
  const shard = set.listed.find((each) => each.name === name);
  if (!shard) throw new ExitError('usage', `${name}: there is no such shard; \`shards status\` lists them`);
  await using stack = new AsyncDisposableStack();
  const db = address === null ? set.all().find(({ id }) => id === shard.id)?.db : stack.use(poolAt(address, config));
  if (!db) throw new ExitError('database', `${name} is not open: is it drained?`);
  try {
    if (!(await isShard(set, shard.id, db))) {
      throw new ExitError('usage', `${address ?? name} is not ${name} of this directory: nothing was changed`);
    }
    const counts = new Map<DifferenceKind, number>();
    let left = 0;
    for await (const difference of differences(set, shard.id, db)) {
      counts.set(difference.kind, (counts.get(difference.kind) ?? 0) + 1);
      if (LISTED.has(difference.kind)) print(lineOf(difference));
      if (repairs && !(await repair(db, difference))) left += 1;
    }
    for (const [kind, count] of counts) print(`${kind.padEnd(8)}  ${count}  ${MEANING[kind]}`);
    if (counts.size === 0) return print(`${name} and the directory agree`);
    if (!repairs) return print(`nothing was changed; \`shards reconcile ${name}\` makes them agree`);
    print(left === 0 ? `${name} and the directory agree now` : `${left} are as they were: see above`);
  } catch (error) {
    if (error instanceof ExitError) throw error;
    throw new ExitError('database', `${name} cannot be compared: ${(error as Error).message}`, { cause: error });
  }
}

function poolAt(address: string, config: StoreConfig): PostgresPool {
  const connectionString = database.parse(address);
  if (connectionString === undefined) throw new ExitError('usage', `ADDRESS: ${database.expected}`);
  return new PostgresPool({
    connection: { connectionString },
    maxConnections: 2,
    statementTimeoutMs: config.database.statementTimeoutMs,
    connectTimeoutMs: config.database.connectTimeoutMs,
  });
}

function lineOf(difference: Difference): string {
  const { kind, userId, name } = difference;
  const from =
    kind === 'arrived' && difference.from !== null ? `from ${difference.from}, whose backup has what was before` : '';
  return `${kind.padEnd(8)}  ${userId}  ${name ?? '-'}  ${from}`.trimEnd();
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
