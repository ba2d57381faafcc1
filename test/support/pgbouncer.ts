import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { giveTo, spawnAs, unprivileged } from '../../src/adapters/postgres/local-folders.ts';
import { freePorts } from '../../src/roles/cluster/free-ports.ts';
import { findProgram, type Installable } from '../../src/roles/cluster/installed.ts';
import type { Connection } from './postgres-server.ts';

const READY_TRIES = 600;

export const PGBOUNCER: Installable = {
  title: 'PgBouncer',
  package: 'pgbouncer',
  brew: 'pgbouncer',
  isThere: () => findProgram('pgbouncer') !== null,
};

/** A real one in transaction mode before that server, with these settings beside the usual. */
export async function startPgBouncer(
  server: Connection,
  settings: Record<string, string> = {},
): Promise<AsyncDisposable & { connection: Connection }> {
  const program = findProgram('pgbouncer');
  if (program === null) throw new Error('PgBouncer is needed: node scripts/ensure-servers.ts --pgbouncer');
  const [port] = await freePorts(1);
  const runAs = await unprivileged();
  const folder = await mkdtemp(path.join(tmpdir(), 'cb-pgbouncer-'));
  await chmod(folder, 0o755);
  const log = path.join(folder, 'log');
  const users = path.join(folder, 'users.txt');
  await writeFile(users, `"${server.user}" ""\n`);
  const values = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'trust',
    auth_file: users,
    pool_mode: 'transaction',
    default_pool_size: 10,
    logfile: log,
    ...settings,
  };
  const lines = Object.entries(values).map(([name, value]) => `${name} = ${value}`);
  const database = `${server.database} = host=${server.host} port=${server.port} dbname=${server.database}`;
  await writeFile(path.join(folder, 'ini'), ['[databases]', database, '[pgbouncer]', ...lines, ''].join('\n'));
  await giveTo(folder, runAs);
  const bouncer = spawn(program, ['-q', path.join(folder, 'ini')], { ...spawnAs(runAs), stdio: 'ignore' });
  const gone = once(bouncer, 'exit');
  const connection = { ...server, port: port! };
  for (let tries = 0; ; tries++) {
    const isReady = await answers(connection);
    if (isReady) break;
    if (bouncer.exitCode !== null || tries === READY_TRIES) {
      throw new Error(`PgBouncer: ${await readFile(log, 'utf8').catch(() => 'it left no log')}`);
    }
    await sleep(50);
  }
  return {
    connection,
    async [Symbol.asyncDispose]() {
      bouncer.kill('SIGKILL');
      await gone;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function answers(connection: Connection): Promise<boolean> {
  const client = new pg.Client({ ...connection });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}
