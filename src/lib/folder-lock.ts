import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identityOf, type ProcessIdentity } from './process-identity.ts';

/** The holder's file is touched this often, for those who cannot see its pid. */
const TOUCH_MS = 2000;
/** Without a touch this long, a holder in another place is gone. */
const SILENT_MS = 4 * TOUCH_MS;
/** Somebody is in the middle of taking over: a matter of a few system calls. */
const RETRY_MS = 50;

type Holder = ProcessIdentity & { nonce: string };

export class FolderLockedError extends Error {
  readonly pid: number;

  constructor(folder: string, pid: number, elsewhere: boolean) {
    const place = elsewhere ? ' on another machine or in another container' : '';
    super(`${folder} is in use by process ${pid}${place}: stop that one, or choose another --data-dir`);
    this.name = 'FolderLockedError';
    this.pid = pid;
  }
}

/**
 * One process at a time on a folder, which must exist. The lock is a file with pid and start time: created
 * whole or not at all, left behind by a killed process and then taken over by exactly one other.
 * Throws {@link FolderLockedError}.
 */
export async function lockFolder(folder: string, name: string, signal?: AbortSignal): Promise<AsyncDisposable> {
  const path = join(folder, name);
  const own = identityOf(process.pid);
  if (own === null) throw new Error('this process cannot be identified');
  const me: Holder = { ...own, nonce: randomUUID() };
  await acquire(folder, path, me, signal);

  const touch = setInterval(() => {
    const now = new Date();
    void utimes(path, now, now).catch(() => {});
  }, TOUCH_MS);
  touch.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(touch);
      await release(path, me);
    },
  };
}

/**
 * Taking over from the dead holder D of a file is itself exclusive: it needs the lock `file.D`, which is
 * acquired in the same way (so that a crash in the middle of a takeover is taken over too). After it is held,
 * the file must still be D's: whoever took over before has replaced the file before giving `file.D` back.
 */
async function acquire(folder: string, path: string, me: Holder, signal?: AbortSignal): Promise<void> {
  const draft = `${path}.${me.nonce}`;
  await writeFile(draft, JSON.stringify(me), { mode: 0o600 });
  try {
    for (;;) {
      signal?.throwIfAborted();
      if (await linked(draft, path)) return;
      const holder = await read(path);
      if (holder === 'missing') continue;
      if (holder !== 'unreadable' && (await isAlive(holder, path, me, signal))) {
        throw new FolderLockedError(folder, holder.pid, holder.place !== me.place);
      }
      const takeover = `${path}.after-${holder === 'unreadable' ? 'unreadable' : holder.nonce}`;
      try {
        await acquire(folder, takeover, me, signal);
      } catch (error) {
        if (!(error instanceof FolderLockedError)) throw error;
        await sleep(RETRY_MS, undefined, signal ? { signal } : {});
        continue;
      }
      try {
        if (nonceOf(await read(path)) !== nonceOf(holder)) continue;
        await rename(draft, path);
        return;
      } finally {
        await release(takeover, me);
      }
    }
  } finally {
    await rm(draft, { force: true });
  }
}

async function linked(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** `unreadable`: cut short by a full disk or a crash of the machine; nobody can hold it. */
async function read(path: string): Promise<Holder | 'missing' | 'unreadable'> {
  try {
    const holder = JSON.parse(await readFile(path, 'utf8')) as Holder;
    return typeof holder?.pid === 'number' && typeof holder.nonce === 'string' ? holder : 'unreadable';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'missing';
    if (error instanceof SyntaxError) return 'unreadable';
    throw error;
  }
}

function nonceOf(holder: Holder | 'missing' | 'unreadable'): string {
  return typeof holder === 'string' ? holder : holder.nonce;
}

async function isAlive(holder: Holder, path: string, me: Holder, signal?: AbortSignal): Promise<boolean> {
  if (holder.place === me.place) return identityOf(holder.pid)?.started === holder.started;
  const touched = async () => (await stat(path).catch(() => null))?.mtimeMs ?? null;
  const first = await touched();
  // Another boot of this machine: nothing that runs can have touched it since.
  if (first === null || first < Date.now() - uptime() * 1000 - TOUCH_MS) return false;
  for (let waited = 0; waited < SILENT_MS; waited += TOUCH_MS / 4) {
    await sleep(TOUCH_MS / 4, undefined, signal ? { signal } : {});
    if ((await touched()) !== first) return true;
  }
  return false;
}

async function release(path: string, me: Holder): Promise<void> {
  if (nonceOf(await read(path)) === me.nonce) await rm(path, { force: true });
}
