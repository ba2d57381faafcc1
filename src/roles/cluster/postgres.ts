import { chmod, cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { type Binaries, findBinaries } from '../../adapters/postgres/local-binaries.ts';
import { giveTo, type RunAs, reachableBinaries, spawnAs, unprivileged } from '../../adapters/postgres/local-folders.ts';
import { childEnvironment, dataVersion, initialise, LOCAL_USER } from '../../adapters/postgres/local-init.ts';
import { Part } from './part.ts';

const DATABASE = 'chatterbot';
const CONNECT_TIMEOUT_MS = 3_000;

export type Shard = { primary: Part; replica: Part | null; url: string; replicaUrl: string | null };

/**
 * A primary and, where a port is given for one, a standby that streams from it. The standby begins as a copy of
 * the files of a primary that has never run.
 */
export async function prepareShard(
  name: string,
  folder: string,
  ports: { primary: number; replica: number | null },
): Promise<Shard> {
  const runAs = await unprivileged();
  const at = join(folder, name);
  const data = join(at, 'data');
  const made = await dataVersion(data);
  const binaries = await reachableBinaries(await findBinaries(made), runAs);
  await ownFolder(at, runAs);
  if (made === null) await initialise(binaries, { location: at, data, run: at, log: join(at, 'log') }, runAs);
  const standby = join(folder, `${name}-replica`);
  if (ports.replica !== null && made === null) await copyForStandby(data, standby, runAs);
  return {
    primary: part(name, at, ports.primary, binaries, runAs, null),
    replica:
      ports.replica === null ? null : part(`${name}-replica`, standby, ports.replica, binaries, runAs, ports.primary),
    url: urlOf(ports.primary),
    replicaUrl: ports.replica === null ? null : urlOf(ports.replica),
  };
}

async function ownFolder(folder: string, runAs: RunAs): Promise<void> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o700);
  await giveTo(folder, runAs);
}

async function copyForStandby(from: string, folder: string, runAs: RunAs): Promise<void> {
  const data = join(folder, 'data');
  await rm(folder, { recursive: true, force: true });
  await ownFolder(folder, runAs);
  await cp(from, data, { recursive: true, preserveTimestamps: true });
  await writeFile(join(data, 'standby.signal'), '');
  await chownAll(folder, runAs);
  await chmod(data, 0o700);
}

async function chownAll(folder: string, runAs: RunAs): Promise<void> {
  if (!runAs) return;
  const { readdir } = await import('node:fs/promises');
  await giveTo(folder, runAs);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    await giveTo(join(entry.parentPath, entry.name), runAs);
  }
}

function part(
  name: string,
  folder: string,
  port: number,
  binaries: Binaries,
  runAs: RunAs,
  primaryPort: number | null,
): Part {
  return new Part({
    name,
    kind: primaryPort === null ? 'postgres' : 'postgres-replica',
    address: urlOf(port),
    command: [
      join(binaries.bin, 'postgres'),
      '-D',
      join(folder, 'data'),
      ...settings(binaries, folder, port, primaryPort),
    ],
    env: childEnvironment(),
    cwd: folder,
    runAs: spawnAs(runAs),
    log: join(folder, 'log'),
    pidFile: join(folder, 'pid'),
    // "Fast": open transactions are rolled back.
    stopSignal: 'SIGINT',
    stopWithinMs: 10_000,
    isReady: () => isReady(port, primaryPort === null),
    startAttempts: 20,
  });
}

function settings(binaries: Binaries, folder: string, port: number, primaryPort: number | null): string[] {
  const values: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: `${port}`,
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: '64MB',
    wal_level: 'replica',
    max_wal_senders: '10',
    hot_standby: 'on',
    // A standby that was away for a while finds what it lacks.
    wal_keep_size: '128MB',
    max_wal_size: '256MB',
    jit: 'off',
    max_parallel_workers_per_gather: '0',
    timezone: 'UTC',
    log_timezone: 'UTC',
    lc_messages: 'C',
    ...(binaries.major >= 18 && { io_method: 'sync' }),
    ...(primaryPort !== null && {
      primary_conninfo: `host=127.0.0.1 port=${primaryPort} user=${LOCAL_USER} application_name=${folder.split('/').at(-1)}`,
    }),
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

function urlOf(port: number): string {
  return `postgresql://${LOCAL_USER}@127.0.0.1:${port}/${DATABASE}`;
}

/** A primary is ready with its database made; a standby when it has that database too. */
async function isReady(port: number, isPrimary: boolean): Promise<boolean> {
  const failure = await ask(urlOf(port), 'SELECT 1');
  if (failure === null) return true;
  if (failure !== '3D000' || !isPrimary) return false;
  await ask(urlOf(port).replace(/\/\w+$/, '/postgres'), `CREATE DATABASE ${DATABASE}`);
  return false;
}

/** Null where it went well, else the error's code. */
async function ask(connectionString: string, text: string): Promise<string | null> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query(text);
    return null;
  } catch (error) {
    return (error as { code?: string }).code ?? 'unknown';
  } finally {
    await client.end().catch(() => {});
  }
}
