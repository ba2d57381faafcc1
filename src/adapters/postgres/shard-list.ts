import pg from 'pg';
import type { ConnectionOptions, Db, Statement } from './pool.ts';
import type { ShardConfig } from './shard-config.ts';

/** A shard as the directory lists it. */
export type ListedShard = {
  id: number;
  name: string;
  weight: number;
  state: 'joining' | 'active' | 'draining' | 'drained';
  hosts: { primary: ConnectionOptions; replicas: readonly ConnectionOptions[] };
};

const LIST: Statement = { name: 'list_shards', text: 'SELECT id, name, weight, state, hosts FROM shards ORDER BY id' };
const SEED: Statement = {
  name: 'seed_shards',
  text: `INSERT INTO shards (id, name, weight, state, hosts)
    SELECT id, name, weight, state, hosts
    FROM jsonb_to_recordset($1) AS seed (id integer, name text, weight double precision, state text, hosts jsonb)
    WHERE NOT EXISTS (SELECT FROM shards) ON CONFLICT DO NOTHING`,
};
const COPY: Statement = {
  name: 'copy_shards',
  text: `INSERT INTO shards AS known (id, name, weight, state, hosts)
    SELECT id, name, weight, state, hosts
    FROM jsonb_to_recordset($1) AS listed (id integer, name text, weight double precision, state text, hosts jsonb)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, weight = excluded.weight, state = excluded.state, hosts = excluded.hosts
    WHERE (known.name, known.weight, known.state, known.hosts)
      IS DISTINCT FROM (excluded.name, excluded.weight, excluded.state, excluded.hosts)`,
};
const REGISTER: Statement = {
  name: 'register_process',
  text: `WITH forgotten AS (DELETE FROM shard_processes WHERE seen_at < clock_timestamp() - interval '1 hour')
    INSERT INTO shard_processes (id, open, seen_at) VALUES ($1, $2::integer[], clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET open = excluded.open, seen_at = excluded.seen_at`,
};
const UNREGISTER: Statement = { name: 'unregister_process', text: 'DELETE FROM shard_processes WHERE id = $1' };
const ADD: Statement = {
  name: 'add_shard',
  text: `INSERT INTO shards AS known (id, name, weight, state, hosts)
    SELECT coalesce(max(id), -1) + 1, $1, $2, 'joining', $3::jsonb FROM shards
    ON CONFLICT (name) DO UPDATE SET weight = excluded.weight, hosts = excluded.hosts,
      state = CASE WHEN known.state = 'active' THEN 'active' ELSE 'joining' END`,
};
const SET_STATE: Statement = { name: 'set_shard_state', text: 'UPDATE shards SET state = $2 WHERE id = $1' };
const NOT_OPEN: Statement = {
  name: 'processes_without_shard',
  text: `SELECT count(*)::integer AS count FROM shard_processes
    WHERE seen_at > clock_timestamp() - $2 * interval '1 ms' AND NOT open @> ARRAY[$1::integer]`,
};

/** A process that was not heard of for this long is dead; it says so every two seconds. */
export const LIVING_MS = 15_000;
const CONNECT_TIMEOUT_MS = 5_000;

export async function listShards(db: Db): Promise<ListedShard[]> {
  return await db.query<ListedShard>(LIST, []);
}

/** The list begins with these; where there is a list, nothing. */
export async function seedShards(db: Db, shards: readonly ShardConfig[]): Promise<void> {
  const seeds = shards.map(({ name, weight, primary, replicas }, id) => ({
    id,
    name,
    weight,
    state: 'active',
    hosts: { primary, replicas },
  }));
  await db.query(SEED, [JSON.stringify(seeds)]);
}

/** So that a process which starts while the directory is away can read it from any shard. */
export async function copyShardList(db: Db, shards: readonly ListedShard[]): Promise<void> {
  await db.query(COPY, [JSON.stringify(shards)]);
}

export async function registerProcess(db: Db, id: string, open: readonly number[]): Promise<void> {
  await db.query(REGISTER, [id, open]);
}

export async function unregisterProcess(db: Db, id: string): Promise<void> {
  await db.query(UNREGISTER, [id]);
}

/** A name that is listed gets these addresses and this weight. */
export async function addShard(db: Db, { name, weight, primary, replicas }: ShardConfig): Promise<void> {
  await db.query(ADD, [name, weight, JSON.stringify({ primary, replicas })]);
}

export async function setShardState(db: Db, id: number, state: ListedShard['state']): Promise<void> {
  await db.query(SET_STATE, [id, state]);
}

/** Living processes that do not have it open yet. */
export async function countWithout(db: Db, shard: number): Promise<number> {
  const [row] = await db.query<{ count: number }>(NOT_OPEN, [shard, LIVING_MS]);
  return row!.count;
}

/** Belongs to this cluster from now on, as this shard; rejects where it is another one. `shard` null: only a directory. */
export async function identify(
  connection: ConnectionOptions,
  wanted: { cluster: string | null; shard: number | null },
): Promise<string> {
  const client = new pg.Client({ ...connection, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query(
      `INSERT INTO shard_identity (cluster, shard) VALUES (coalesce($1::uuid, gen_random_uuid()), $2::integer)
       ON CONFLICT (only_row) DO UPDATE SET shard = coalesce(shard_identity.shard, excluded.shard)
       WHERE shard_identity.cluster = excluded.cluster OR $1::uuid IS NULL`,
      [wanted.cluster, wanted.shard],
    );
    const { rows } = await client.query<{ cluster: string; shard: number | null }>(
      'SELECT cluster, shard FROM shard_identity',
    );
    const { cluster, shard } = rows[0]!;
    if ((wanted.cluster !== null && cluster !== wanted.cluster) || (wanted.shard !== null && shard !== wanted.shard)) {
      throw new Error(
        cluster === wanted.cluster || wanted.cluster === null
          ? `this database is shard ${shard}, not shard ${wanted.shard}: two addresses were exchanged`
          : 'this database belongs to another cluster',
      );
    }
    return cluster;
  } finally {
    await client.end().catch(() => {});
  }
}
