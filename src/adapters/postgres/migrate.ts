import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { backoffMs } from '../../lib/backoff.ts';
import type { ConnectionOptions } from './pool.ts';

export type Migration = { number: number; name: string; sql: string; checksum: string };

const FOLDER = fileURLToPath(new URL('../../../sql/', import.meta.url));
const NAME = /^(\d{4})-[a-z0-9-]+\.sql$/;
const CONNECT_TIMEOUT_MS = 15_000;
/** Of advisory locks that others may take in this database; any constant does. */
const LOCK_KEY = '1128415489';
const LOCK_TIMEOUT_MS = 1_000;
const LOCK_NOT_AVAILABLE = '55P03';
const MAX_LOCK_RETRIES = 30;
const LOCK_RETRY_MS = 200;
const LOCK_RETRY_MAX_MS = 5_000;

/** In order. Throws where a number is missing, doubled, or a file is named otherwise. */
export async function readMigrations(folder: string = FOLDER): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return await Promise.all(
    names.map(async (name, index) => {
      const number = Number(NAME.exec(name)?.[1]);
      if (number !== index + 1)
        throw new Error(`migration ${name}: expected number ${index + 1} in the form 0001-name.sql`);
      const sql = await readFile(path.join(folder, name), 'utf8');
      return { number, name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/**
 * Brings one database up to date, forward only, each file in a transaction of its own; returns the
 * names of those applied. Several processes may try at once: one does it, the others wait. Throws where
 * what was applied before is not what is here: the database is then of another version of the program.
 */
export async function migrate(connection: ConnectionOptions, migrations?: readonly Migration[]): Promise<string[]> {
  const all = migrations ?? (await readMigrations());
  const client = new pg.Client({
    ...connection,
    application_name: 'chatterbot migrate',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    await refuseOldServer(client);
    await client.query(`SELECT pg_advisory_lock(${LOCK_KEY})`);
    await client.query(`CREATE TABLE IF NOT EXISTS schema_migrations (
      number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
    const applied = await client.query<Omit<Migration, 'sql'>>(
      'SELECT number, name, checksum FROM schema_migrations ORDER BY number',
    );
    refuseStrange(applied.rows, all);
    const pending = all.slice(applied.rows.length);
    for (const migration of pending) await apply(client, migration);
    return pending.map(({ name }) => name);
  } finally {
    await client.end().catch(() => {});
  }
}

async function refuseOldServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ number: string; version: string }>(
    `SELECT current_setting('server_version_num') AS number, current_setting('server_version') AS version`,
  );
  if (Number(rows[0]?.number) < 150_000)
    throw new Error(`PostgreSQL 15 or newer is needed; this is ${rows[0]?.version}`);
}

function refuseStrange(applied: readonly Omit<Migration, 'sql'>[], all: readonly Migration[]): void {
  for (const [index, before] of applied.entries()) {
    const here = all[index];
    if (!here)
      throw new Error(`the database is newer than this program: it has migration ${before.name}, which is not here`);
    if (before.number !== here.number || before.name !== here.name || before.checksum !== here.checksum) {
      throw new Error(
        `migration ${here.name} is not the one that was applied to this database (${before.name}): migrations are never changed`,
      );
    }
  }
}

/** A change of a table waits for those who use it, and whoever comes after waits for the change: not for long. */
async function apply(client: pg.Client, migration: Migration): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await applyOnce(client, migration);
    } catch (cause) {
      await client.query('ROLLBACK').catch(() => {});
      if ((cause as { code?: string }).code === LOCK_NOT_AVAILABLE && attempt < MAX_LOCK_RETRIES) {
        await sleep(backoffMs(attempt, LOCK_RETRY_MS, LOCK_RETRY_MAX_MS, Math.random()));
        continue;
      }
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`migration ${migration.name} failed: ${reason}`, { cause });
    }
  }
}

async function applyOnce(client: pg.Client, { number, name, sql, checksum }: Migration): Promise<void> {
  await client.query(`BEGIN; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
  await client.query(sql);
  await client.query('INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)', [
    number,
    name,
    checksum,
  ]);
  await client.query('COMMIT');
}
