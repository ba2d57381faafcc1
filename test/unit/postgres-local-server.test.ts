import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { findBinaries } from '../../src/adapters/postgres/local-binaries.ts';
import {
  type LocalPostgres,
  type LocalPostgresEvent,
  startLocalPostgres,
} from '../../src/adapters/postgres/local-server.ts';
import { postmasterPid } from '../support/postgres.ts';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;
const NOBODY = 65534;
const SERVER = new URL('../../src/adapters/postgres/local-server.ts', import.meta.url).href;

async function folder(parent = tmpdir()): Promise<string> {
  const made = await mkdtemp(path.join(parent, 'cb-local-'));
  await chmod(made, 0o755);
  onTestFinished(() => rm(made, { recursive: true, force: true }));
  return made;
}

async function start(dataDir: string, onEvent?: (event: LocalPostgresEvent) => void): Promise<LocalPostgres> {
  const server = await startLocalPostgres({ dataDir, ...(onEvent && { onEvent }) });
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

async function query<Row extends object>(server: LocalPostgres, text: string): Promise<Row[]> {
  const client = new pg.Client({ ...server.connectionOptions });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

/** A process of its own that runs the server; its first line says where. */
async function inAnotherProcess(dataDir: string, user: { uid?: number; gid?: number } = {}) {
  const program = `
    import { startLocalPostgres } from ${JSON.stringify(SERVER)};
    const server = await startLocalPostgres({ dataDir: ${JSON.stringify(dataDir)} });
    console.log(JSON.stringify({ location: server.location }));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    ...user,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [line] = await Promise.race([once(child.stdout!, 'data'), once(child, 'exit').then(() => ['null'])]);
  const { location } = JSON.parse(String(line)) as { location: string };
  const file = await readFile(path.join(location, 'data', 'postmaster.pid'), 'utf8');
  return { child, location, postmaster: Number(file.split('\n', 1)[0]) };
}

/** One that has ended and that nobody has asked about is not alive. */
async function isAlive(pid: number): Promise<boolean> {
  const { stdout } = await run('ps', ['-o', 'stat=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  return stdout.trim() !== '' && !stdout.startsWith('Z');
}

async function gone(pid: number): Promise<void> {
  while (await isAlive(pid)) await sleep(20);
}

async function killed(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

test('starts on nothing, keeps what it is given, and starts again on it', async () => {
  const dataDir = await folder();
  {
    await using server = await startLocalPostgres({ dataDir });
    await query(server, `CREATE TABLE kept AS SELECT 'déjà vu' AS text`);
    const [settings] = await query<Record<string, string>>(
      server,
      `SELECT current_setting('fsync') AS fsync, current_setting('listen_addresses') AS addresses,
        current_setting('server_encoding') AS encoding, lower('ÄÖŻ') AS lower`,
    );
    expect(settings).toEqual({ fsync: 'on', addresses: '', encoding: 'UTF8', lower: 'äöż' });
    expect((await stat(server.connectionOptions.host)).mode & 0o777).toBe(0o700);
    expect(server.location).toBe(path.join(dataDir, 'postgres'));
  }
  const server = await start(dataDir);
  expect(await query(server, 'SELECT text FROM kept')).toEqual([{ text: 'déjà vu' }]);
});

test('does not outlive a process that was killed, and its data is there for the next', async () => {
  const dataDir = await folder();
  const first = await inAnotherProcess(dataDir);
  await killed(first.child);
  await gone(first.postmaster);
  const second = await inAnotherProcess(dataDir);
  // Without waiting: the one left over is perhaps still on its way out.
  await killed(second.child);
  const server = await start(dataDir);
  expect(await query(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  expect(await isAlive(second.postmaster)).toBe(false);
});

test('stops one whose supervisor was killed as well', async () => {
  const dataDir = await folder();
  const first = await inAnotherProcess(dataDir);
  const supervisor = Number(await readFile(path.join(first.location, 'supervisor.pid'), 'utf8'));
  // Stopped first, so that it cannot mend anything.
  first.child.kill('SIGSTOP');
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=']);
  const processes = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const helpers = processes.filter(([pid, parent]) => parent === supervisor && pid !== first.postmaster);
  for (const pid of [...helpers.map(([helper]) => helper!), supervisor]) process.kill(pid, 'SIGKILL');
  await killed(first.child);
  await sleep(200);
  expect(await isAlive(first.postmaster)).toBe(true);
  const server = await start(dataDir);
  expect(await query(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  expect(await isAlive(first.postmaster)).toBe(false);
});

test('a number that another program has by now is no PostgreSQL', async () => {
  const dataDir = await folder();
  const first = await inAnotherProcess(dataDir);
  await killed(first.child);
  await gone(first.postmaster);
  const file = path.join(first.location, 'data', 'postmaster.pid');
  await writeFile(file, `${process.pid}\n${path.dirname(file)}\n1700000000\n5432\n\n\n\nready\n`);
  const server = await start(dataDir);
  expect(await query(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('is started again when it dies, on the same address', async () => {
  const events: LocalPostgresEvent[] = [];
  const server = await start(await folder(), (event) => events.push(event));
  for (const signal of ['SIGKILL', 'SIGQUIT'] as const) {
    const pid = await postmasterPid(server);
    process.kill(pid, signal);
    while (
      !(await query(server, 'SELECT 1').then(
        () => true,
        () => false,
      )) ||
      (await isAlive(pid))
    )
      await sleep(20);
    expect(await postmasterPid(server)).not.toBe(pid);
  }
  while (events.length < 5) await sleep(20);
  expect(events.map(({ kind }) => kind)).toEqual(['preparing', 'died', 'restarted', 'died', 'restarted']);
});

test('takes a folder with a long name, spaces and commas, the socket elsewhere', async () => {
  const dataDir = path.join(await folder(), `a, "long" name ${'x'.repeat(90)}`);
  const server = await start(dataDir);
  expect(server.location).toBe(path.join(dataDir, 'postgres'));
  expect(server.connectionOptions.host.startsWith(dataDir)).toBe(false);
  expect((await stat(server.connectionOptions.host)).mode & 0o777).toBe(0o700);
  expect(await query(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('takes a short folder with spaces and commas', async () => {
  const dataDir = path.join(await folder(), `it's, "odd"`);
  const server = await start(dataDir);
  expect(server.connectionOptions.host).toBe(path.join(dataDir, 'postgres', 'run'));
  expect(await query(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('names the version where the data is of another', async () => {
  const dataDir = await folder();
  const data = path.join(dataDir, 'postgres', 'data');
  await mkdir(data, { recursive: true });
  await writeFile(path.join(data, 'PG_VERSION'), '12\n');
  await expect(startLocalPostgres({ dataDir })).rejects.toMatchObject({
    reason: 'wrong_version',
    message: expect.stringContaining('made by PostgreSQL 12'),
  });
});

test('names the folder where it cannot be made', async () => {
  const dataDir = path.join(await folder(), 'taken');
  await writeFile(dataDir, 'a file');
  await expect(startLocalPostgres({ dataDir })).rejects.toMatchObject({
    name: 'LocalPostgresError',
    message: expect.stringContaining(dataDir),
  });
});

test('finds the servers of the system only where there is one of that version', async () => {
  await expect(findBinaries(14, '')).rejects.toMatchObject({ reason: 'wrong_version' });
});

test.runIf(isRoot)('as root runs as another user; where that one cannot enter, elsewhere and linked', async () => {
  const closed = await folder();
  await chmod(closed, 0o700);
  const dataDir = path.join(closed, 'data');
  const server = await start(dataDir);
  onTestFinished(() =>
    rm(path.dirname(server.location) === '/var/lib' ? server.location : closed, { recursive: true, force: true }),
  );
  expect(server.location.startsWith(closed)).toBe(false);
  expect((await stat(path.join(server.location, 'data'))).uid).toBe(NOBODY);
  await query(server, 'CREATE TABLE kept ()');
  await server[Symbol.asyncDispose]();
  const again = await start(dataDir);
  expect(again.location).toBe(server.location);
  expect(await query(again, 'SELECT FROM kept')).toEqual([]);
});

test.runIf(isRoot)('as an ordinary user runs as that user', async () => {
  const dataDir = await folder();
  await chown(dataDir, NOBODY, NOBODY);
  const { child, location, postmaster } = await inAnotherProcess(dataDir, { uid: NOBODY, gid: NOBODY });
  expect(location).toBe(path.join(dataDir, 'postgres'));
  await killed(child);
  await gone(postmaster);
  await chmod(dataDir, 0o555);
  const refused = path.join(dataDir, 'below');
  const program = `import { startLocalPostgres } from ${JSON.stringify(SERVER)};
    await startLocalPostgres({ dataDir: ${JSON.stringify(refused)} }).catch((error) => console.log(error.reason + ': ' + error.message));`;
  const other = spawn(process.execPath, ['--input-type=module', '-e', program], {
    uid: NOBODY,
    gid: NOBODY,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = await once(other.stdout, 'data');
  expect(String(said)).toContain(`unwritable: Not allowed to prepare ${refused}`);
});
