import { setTimeout as sleep } from 'node:timers/promises';
import { migrate } from '../adapters/postgres/migrate.ts';
import { misplaced, type Rebalanced, rebalance } from '../adapters/postgres/rebalance.ts';
import { describeConnection, type ShardConfig } from '../adapters/postgres/shard-config.ts';
import { addShard, countWithout, type ListedShard, setShardState } from '../adapters/postgres/shard-list.ts';
import { ShardSet } from '../adapters/postgres/shard-set.ts';
import type { StoreConfig } from '../config/config.ts';
import { ExitError } from '../config/exit-codes.ts';
import { shards as shardAddresses } from '../config/server-addresses.ts';
import { reasonOf } from '../lib/reason-of.ts';
import { shardSetOptions } from './open-sharded-store.ts';
import { reconcileShard } from './reconcile-shard.ts';

const USAGE = `usage: shards status
       shards add NAME ADDRESS[|REPLICA…][;weight=N]
       shards rebalance
       shards drain NAME
       shards compare NAME [ADDRESS]
       shards reconcile NAME [ADDRESS]`;
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
/** Running processes look at the list every two seconds; one that starts may take a little longer. */
const OPEN_WAIT_MS = 60_000;
const OPEN_LOOK_MS = 500;
const PROGRESS_EVERY_MS = 2_000;
const SETTLE_MS = 1_000;

export async function runShards(config: StoreConfig, args: readonly string[]): Promise<void> {
  const [verb, name, address, ...rest] = args;
  const count = args.length;
  if (rest.length > 0 || verb === undefined) throw new ExitError('usage', USAGE);
  if (verb === 'status' && count === 1) return await withShards(config, showStatus);
  if (verb === 'rebalance' && count === 1) return await withShards(config, (set) => rebalanceAll(set, null));
  if (verb === 'drain' && count === 2) return await withShards(config, (set) => drain(set, name!));
  if (verb === 'add' && count === 3) {
    const shard = parseShard(name!, address!);
    return await withShards(config, (set) => add(set, shard));
  }
  if ((verb === 'compare' || verb === 'reconcile') && (count === 2 || count === 3)) {
    const repairs = verb === 'reconcile';
    return await withShards(config, (set) => reconcileShard(set, config, name!, address ?? null, repairs));
  }
  throw new ExitError('usage', USAGE);
}

async function withShards(config: StoreConfig, work: (set: ShardSet) => Promise<void>): Promise<void> {
  let set: ShardSet;
  try {
    set = await ShardSet.open(shardSetOptions(config));
  } catch (error) {
    throw new ExitError('database', `The directory cannot be asked: ${reasonOf(error)}`, { cause: error });
  }
  await using _ = set;
  await work(set);
}

function parseShard(name: string, address: string): ShardConfig {
  if (!NAME.test(name)) throw new ExitError('usage', `${name}: a name of a shard is a-z, 0-9 and -`);
  const [parsed, ...others] = shardAddresses.parse(address) ?? [];
  if (!parsed || others.length > 0) throw new ExitError('usage', `ADDRESS: one of ${shardAddresses.expected}`);
  return {
    name,
    primary: { connectionString: parsed.primary },
    replicas: parsed.replicas.map((connectionString) => ({ connectionString })),
    weight: parsed.weight,
  };
}

async function add(set: ShardSet, shard: ShardConfig): Promise<void> {
  const address = describeConnection(shard.primary);
  try {
    await migrate(shard.primary);
  } catch (error) {
    throw new ExitError('database', `${shard.name} (${address}): ${reasonOf(error)}`, { cause: error });
  }
  await addShard(set.directory, shard);
  await set.refresh();
  const listed = set.listed.find(({ name }) => name === shard.name)!;
  const status = set.status().find(({ name }) => name === shard.name);
  if (status?.state !== 'up') {
    if (listed.state === 'joining') await setShardState(set.directory, listed.id, 'drained');
    throw new ExitError('database', `${shard.name} (${address}) was not added: ${status?.trouble ?? 'it is away'}`);
  }
  print(`${shard.name}  ${address}  is listed; waiting until every process has it open`);
  await untilOpen(set, listed);
  await setShardState(set.directory, listed.id, 'active');
  print(`${shard.name}  takes new users now; \`shards rebalance\` moves others onto it`);
}

async function untilOpen(set: ShardSet, { id, name }: ListedShard): Promise<void> {
  const until = performance.now() + OPEN_WAIT_MS;
  for (;;) {
    await set.refresh();
    const without = await countWithout(set.directory, id);
    if (without === 0) return;
    if (performance.now() > until) {
      const processes = without === 1 ? '1 running process cannot' : `${without} running processes cannot`;
      throw new ExitError(
        'database',
        `${processes} open ${name}: see their logs. It is listed and takes nobody yet; run the same command again`,
      );
    }
    await sleep(OPEN_LOOK_MS);
  }
}

async function rebalanceAll(set: ShardSet, from: number | null): Promise<void> {
  let saidAt = performance.now();
  const say = ({ moved, rows, slowestFreezeMs }: Rebalanced) =>
    print(`${moved} users moved, ${rows} rows; longest wait of a writer ${Math.round(slowestFreezeMs)} ms`);
  const done = await rebalance(set, from, (sofar) => {
    if (performance.now() - saidAt < PROGRESS_EVERY_MS) return;
    saidAt = performance.now();
    say(sofar);
  });
  say(done);
  if (done.failed.length === 0) return;
  for (const { userId, reason } of done.failed.slice(0, 10)) process.stderr.write(`${userId}  ${reason}\n`);
  throw new ExitError('database', `${done.failed.length} users were not moved; they are where they were. Run it again`);
}

async function drain(set: ShardSet, name: string): Promise<void> {
  const shard = set.listed.find((each) => each.name === name);
  if (!shard) throw new ExitError('usage', `${name}: there is no such shard; \`shards status\` lists them`);
  if (shard.state === 'drained') return print(`${name}  is drained already`);
  if (!set.listed.some((each) => each.id !== shard.id && each.state === 'active')) {
    throw new ExitError('usage', `${name} is the only shard that takes users: add another first`);
  }
  await setShardState(set.directory, shard.id, 'draining');
  await set.refresh();
  // Whoever was being made at this moment is there a moment later.
  do {
    await rebalanceAll(set, shard.id);
    await sleep(SETTLE_MS);
  } while (((await countUsers(set)).get(shard.id) ?? 0) > 0);
  await setShardState(set.directory, shard.id, 'drained');
  const isDirectory = set.all().some(({ id, db }) => id === shard.id && db === set.directory);
  print(
    `${name}  is empty and left out${isDirectory ? '; its database goes on being the directory' : ': it can be switched off'}`,
  );
}

async function countUsers(set: ShardSet): Promise<Map<number, number>> {
  const rows = await set.directory.query<{ shard: number; count: number }>(
    { name: 'users_of_shards', text: 'SELECT shard, count(*) AS count FROM users GROUP BY shard' },
    [],
  );
  return new Map(rows.map(({ shard, count }) => [shard, count]));
}

async function showStatus(set: ShardSet): Promise<void> {
  const users = await countUsers(set);
  const all = [...users.values()].reduce((sum, count) => sum + count, 0);
  const states = new Map(set.status().map((status) => [status.name, status]));
  const rows = [['shard', 'state', 'weight', 'users', 'share', 'primary', 'replicas']];
  for (const { id, name, weight, state, hosts } of set.listed) {
    const status = states.get(name);
    const count = users.get(id) ?? 0;
    rows.push([
      name,
      status?.state === 'down' ? `${state}, DOWN` : state,
      String(weight),
      String(count),
      all === 0 ? '-' : `${((100 * count) / all).toFixed(1)} %`,
      status?.primary ?? describeConnection(hosts.primary),
      status?.replicas
        .map(({ address, lagMs }) => `${address} ${lagMs === null ? 'away' : `${lagMs} ms behind`}`)
        .join(', ') || '-',
    ]);
  }
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows)
    print(
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    );
  for (const { name, trouble } of states.values()) if (trouble !== null) print(`${name} is down: ${trouble}`);
  const [moves] = await set.directory.query<{ count: number }>(
    { name: 'count_moves', text: 'SELECT count(*) AS count FROM user_moves' },
    [],
  );
  let elsewhere = 0;
  for await (const _ of misplaced(set, null)) elsewhere++;
  print(
    `${elsewhere} of ${all} users are elsewhere than \`shards rebalance\` would put them; ${moves!.count} are on the move`,
  );
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
