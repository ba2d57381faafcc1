import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { LocalPostgresError } from './local-error.ts';
import type { Folders } from './local-folders.ts';

const run = promisify(execFile);

/** The supervisor of a killed server stops its PostgreSQL within this; longer only where that one serves somebody. */
const SUPERVISED_STOP_MS = 20_000;
/** Until a stop that was asked for politely is asked for again, harder. */
const POLITE_STOP_MS = 10_000;
const POLL_MS = 25;

/**
 * When this resolves, no PostgreSQL runs on these files: one that a killed server left over has stopped
 * or was stopped. Throws `in_use` where it belongs to a server that lives.
 */
export async function endLeftover(folders: Folders, supervisorFile: string): Promise<void> {
  const pidFile = path.join(folders.data, 'postmaster.pid');
  const pid = await numberIn(pidFile);
  if (pid !== null && (await serves(pid, folders.data))) {
    const supervisor = await numberIn(supervisorFile);
    const isSupervised = supervisor !== null && (await parentOf(pid)) === supervisor;
    const ended = await hasEnded(pid, folders.data, isSupervised ? SUPERVISED_STOP_MS : 0);
    if (!ended) await endOrphan(pid, supervisor, folders);
  } else if (pid !== null && isAlive(pid)) {
    // Another program has that number by now, which would keep PostgreSQL from starting.
    await rm(pidFile, { force: true });
  }
  await Promise.all(['', '.lock'].map((end) => rm(path.join(folders.run, `.s.PGSQL.5432${end}`), { force: true })));
}

/** Only where its supervisor is gone: a living one holds the pipe of a server that lives. */
async function endOrphan(pid: number, supervisor: number | null, folders: Folders): Promise<void> {
  if (supervisor !== null && (await parentOf(pid)) === supervisor) {
    throw new LocalPostgresError('in_use', `Another server (PostgreSQL pid ${pid}) uses ${folders.location}`, {
      path: folders.location,
    });
  }
  // Fast, then immediate: the next start recovers from either. Never SIGKILL, which can leave backends writing.
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
      throw new LocalPostgresError('in_use', `PostgreSQL (pid ${pid}) uses ${folders.location} and cannot be stopped`, {
        path: folders.location,
        cause: error,
      });
    }
    if (await hasEnded(pid, folders.data, POLITE_STOP_MS)) return;
  }
  throw new LocalPostgresError('in_use', `A PostgreSQL left over (pid ${pid}) on ${folders.location} does not stop`, {
    path: folders.location,
  });
}

async function hasEnded(pid: number, data: string, withinMs: number): Promise<boolean> {
  for (let waited = 0; await serves(pid, data); waited += POLL_MS) {
    if (waited >= withinMs) return false;
    await sleep(POLL_MS);
  }
  return true;
}

async function numberIn(file: string): Promise<number | null> {
  const line = (await readFile(file, 'utf8').catch(() => '')).split('\n', 1)[0] ?? '';
  return /^\d+$/.test(line.trim()) ? Number(line) : null;
}

/** A living PostgreSQL on exactly this folder: numbers are given again after a restart of the machine or container. */
async function serves(pid: number, data: string): Promise<boolean> {
  const command =
    process.platform === 'linux'
      ? (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ')
      : (await run('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({ stdout: '' }))).stdout;
  return command.includes(`postgres -D ${data} `);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function parentOf(pid: number): Promise<number | null> {
  if (process.platform === 'linux') {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    return Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1] ?? Number.NaN) || null;
  }
  const { stdout } = await run('ps', ['-o', 'ppid=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  return Number(stdout.trim()) || null;
}
