import { execFile } from 'node:child_process';
import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { giveTo, unprivileged } from '../../src/adapters/postgres/local-folders.ts';
import { nameShards } from '../../src/adapters/postgres/shard-config.ts';
import { ShardSet } from '../../src/adapters/postgres/shard-set.ts';
import { UserMover } from '../../src/adapters/postgres/user-moves.ts';
import { eventually, startTestCluster, type TestCluster } from '../support/cluster.ts';
import { clientOf, question } from '../support/cluster-client.ts';
import { answerText } from '../support/fake-upstream.ts';

const run = promisify(execFile);
const LENGTH = 20;
const OURS = 1;
const OTHER = 0;

/** One shard back in time, by continuous archiving, as `docs/operations.md` has it. */
let cluster: TestCluster;
let client: ReturnType<typeof clientOf>;
beforeAll(async () => {
  cluster = await startTestCluster({ apis: 1, workers: 1, nginx: false, upstream: { length: LENGTH } });
  client = clientOf(cluster);
}, 400_000);
afterAll(() => cluster?.[Symbol.asyncDispose](), 60_000);

const folder = (...names: string[]) => join(cluster.cluster.folder, ...names);

async function on<Row extends object>(shard: string, text: string, values: unknown[] = []): Promise<Row[]> {
  const connection = new pg.Client({ connectionString: cluster.part(shard).spec.address! });
  connection.on('error', () => {});
  await connection.connect();
  try {
    return (await connection.query<Row>(text, values)).rows;
  } finally {
    await connection.end();
  }
}

/** Every segment goes into a folder from here on. */
async function archive(): Promise<void> {
  await mkdir(folder('wal'));
  await giveTo(folder('wal'), await unprivileged());
  await on('shard-2', `ALTER SYSTEM SET archive_mode = on`);
  await on('shard-2', `ALTER SYSTEM SET archive_command = 'cp %p ${folder('wal')}/%f'`);
  await cluster.part('shard-2').stop();
  await cluster.part('shard-2').start();
}

async function baseBackup(): Promise<void> {
  // It ends where the session that began it does.
  const connection = new pg.Client({ connectionString: cluster.part('shard-2').spec.address! });
  await connection.connect();
  try {
    await connection.query(`SELECT pg_backup_start('nightly', true)`);
    await run('cp', ['-a', folder('shard-2', 'data'), folder('base')]);
    const { rows } = await connection.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop()');
    for (const name of ['postmaster.pid', 'postmaster.opts', 'pg_wal']) {
      await rm(folder('base', name), { recursive: true, force: true });
    }
    await mkdir(folder('base', 'pg_wal'), { mode: 0o700 });
    await writeFile(folder('base', 'backup_label'), rows[0]!.labelfile);
    for (const name of ['pg_wal', 'backup_label']) await giveTo(folder('base', name), await unprivileged());
  } finally {
    await connection.end();
  }
}

async function restoreTo(moment: string): Promise<void> {
  const shard = cluster.part('shard-2');
  await shard.kill();
  await rm(folder('shard-2', 'data'), { recursive: true });
  await run('cp', ['-a', folder('base'), folder('shard-2', 'data')]);
  const settings = [
    `restore_command = 'cp ${folder('wal')}/%f %p'`,
    `recovery_target_time = '${moment}'`,
    `recovery_target_action = 'promote'`,
    `archive_mode = off`,
  ];
  await appendFile(folder('shard-2', 'data', 'postgresql.auto.conf'), `${settings.join('\n')}\n`);
  await writeFile(folder('shard-2', 'data', 'recovery.signal'), '');
  await giveTo(folder('shard-2', 'data', 'recovery.signal'), await unprivileged());
  await shard.start();
  await eventually('it takes writes', async () => {
    const [row] = await on<{ standby: boolean }>('shard-2', 'SELECT pg_is_in_recovery() AS standby');
    return row!.standby === false;
  });
}

type User = { name: string; id: string; said: string[] };

async function say({ name, said }: User): Promise<void> {
  const message = question();
  const { status, json, text } = await cluster.call('POST', '/chat', {
    body: { user_id: name, message, max_tokens: LENGTH },
  });
  expect(status, text).toBe(200);
  expect(json.response).toBe(answerText(message, LENGTH));
  said.push(message);
}

/** One of that name and a number, whom the hash places on the shard. */
async function userOn(shard: number, prefix: string): Promise<User> {
  for (let n = 0; ; n++) {
    const user: User = { name: `${prefix}-${n}`, id: '', said: [] };
    await say(user);
    const [row] = await on<{ user_id: string; shard: number }>(
      'shard-1',
      'SELECT user_id, shard FROM users WHERE external_id = $1',
      [user.name],
    );
    if (row!.shard === shard) return { ...user, id: row!.user_id };
  }
}

/** What the user has said, oldest first, over all conversations. */
async function said({ name }: User): Promise<string[]> {
  const { json } = await cluster.call('GET', `/users/${name}/conversations`);
  const all: string[] = [];
  for (const { number } of json.items.toReversed()) {
    const { json: page } = await cluster.call('GET', `/users/${name}/conversations/${number}/messages`);
    const messages: { role: string; content: string; id: string }[] = page.items;
    const questions = messages.filter(({ role }) => role === 'user').sort((a, b) => (a.id < b.id ? -1 : 1));
    all.push(...questions.map(({ content }) => content));
  }
  return all;
}

async function move(users: readonly User[], target: number): Promise<void> {
  const addresses = ['shard-1', 'shard-2'].map((name) => ({
    primary: cluster.part(name).spec.address!,
    replicas: [],
    weight: 1,
  }));
  await using set = await ShardSet.open({
    directory: null,
    shards: nameShards(addresses),
    maxConnections: 4,
    statementTimeoutMs: 10_000,
    connectTimeoutMs: 5_000,
    maxReplicaLagMs: 5_000,
  });
  await using mover = new UserMover(set);
  for (const { id } of users) await mover.move(id, target);
}

test('a shard is restored to a moment, compared, reconciled, and serves', async () => {
  await archive();
  await client.isHealthy();
  const stays = await userOn(OURS, 'stays');
  const leaves = await userOn(OURS, 'leaves');
  const deleted = await userOn(OURS, 'deleted');
  const returns = await userOn(OURS, 'returns');
  const comes = await userOn(OTHER, 'comes');
  await baseBackup();
  for (const user of [stays, leaves, deleted, returns, comes]) await say(user);
  const [row] = await on<{ now: string }>('shard-2', `SELECT now()::text AS now`);
  const known = { stays: [...stays.said], returns: [...returns.said] };
  await sleep(50);

  // What the shard is to forget, and the directory and the other shard are not.
  await say(stays);
  await move([leaves, returns], OTHER);
  for (const user of [leaves, returns]) await say(user);
  await move([returns, comes].slice(0, 1), OURS);
  await move([comes], OURS);
  for (const user of [returns, comes]) await say(user);
  const fresh = await userOn(OURS, 'fresh');
  expect((await cluster.command('users', 'delete', 'default', deleted.name)).code).toBe(0);
  await on('shard-2', 'SELECT pg_switch_wal()');
  await eventually('all of it is archived', async () => {
    const [state] = await on<{ last: string; now: string }>(
      'shard-2',
      `SELECT last_archived_wal AS last, pg_walfile_name(pg_current_wal_lsn()) AS now FROM pg_stat_archiver`,
    );
    return state!.last !== null && Number.parseInt(state!.now, 16) - Number.parseInt(state!.last, 16) <= 1;
  });

  await Promise.all(['api-1', 'worker-1'].map((name) => cluster.part(name).stop()));
  await restoreTo(row!.now);
  const [forgotten] = await on<{ count: number }>(
    'shard-2',
    'SELECT count(*)::int AS count FROM user_home WHERE user_id = $1',
    [fresh.id],
  );
  expect(forgotten!.count).toBe(0);

  const compared = await cluster.command('shards', 'compare', 'shard-2');
  expect(compared.code).toBe(0);
  const counted = (kind: string, out: string) => Number(new RegExp(`^${kind} +(\\d+) {2}`, 'm').exec(out)?.[1] ?? 0);
  const kinds = ['left', 'deleted', 'returned'].map((kind) => counted(kind, compared.out));
  expect(kinds).toEqual([1, 1, 1]);
  expect(counted('arrived', compared.out)).toBeGreaterThanOrEqual(2);
  expect(compared.out).toMatch(new RegExp(`^arrived +${comes.id}  ${comes.name}  from shard-1`, 'm'));
  expect(compared.out).toMatch(new RegExp(`^arrived +${fresh.id}  ${fresh.name}$`, 'm'));
  expect(compared.out).toContain('nothing was changed');
  expect((await cluster.command('shards', 'compare', 'shard-2')).out).toBe(compared.out);

  const elsewhere = await cluster.command('shards', 'reconcile', 'shard-2', cluster.part('shard-1').spec.address!);
  expect([elsewhere.code, elsewhere.err]).toEqual([2, expect.stringContaining('is not shard-2 of this directory')]);
  const reconciled = await cluster.command('shards', 'reconcile', 'shard-2');
  expect([reconciled.code, reconciled.out]).toEqual([0, expect.stringMatching(/agree now\n$/)]);
  expect((await cluster.command('shards', 'compare', 'shard-2')).out).toBe('shard-2 and the directory agree\n');

  for (const name of ['api-1', 'worker-1']) await cluster.part(name).start();
  await client.isHealthy();
  // Up to the moment all of it, and nothing of after.
  expect(await said(stays)).toEqual(known.stays);
  expect(await said(returns)).toEqual(known.returns);
  // Elsewhere at that moment: untouched by it.
  expect(await said(leaves)).toEqual(leaves.said);
  // Came since: their names are known, and they begin anew.
  for (const user of [comes, fresh]) expect(await said(user)).toEqual([]);
  const left = await on<{ count: number }>(
    'shard-2',
    `SELECT (SELECT count(*) FROM messages WHERE user_id = ANY ($1)) + (SELECT count(*) FROM generations WHERE user_id = ANY ($1))::int AS count`,
    [[deleted.id, leaves.id]],
  );
  expect(Number(left[0]!.count)).toBe(0);
  for (const user of [stays, leaves, returns, comes, fresh, deleted]) await say(user);
  const homes = await cluster.sql<{ user_id: string }>(`SELECT user_id FROM user_home WHERE state = 'active'`);
  expect(new Set(homes.map(({ user_id }) => user_id)).size).toBe(homes.length);
}, 500_000);
