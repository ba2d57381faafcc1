import { createHash } from 'node:crypto';
import { chmod, chown, cp, lstat, mkdir, readFile, realpath, rename, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Binaries } from './local-binaries.ts';
import { errorFromFileSystem, LocalPostgresError } from './local-error.ts';

/** Whom PostgreSQL runs as: it refuses to be root. Null: as ourselves. */
export type RunAs = { uid: number; gid: number } | null;

export type Folders = {
  /** Holds all that follows, except perhaps the socket. */
  location: string;
  data: string;
  /** Of the socket. */
  run: string;
  log: string;
};

/** Bytes that fit into a socket's address on every system (104 on macOS), the final zero not counted. */
const MAX_SOCKET_PATH = 103;
const SOCKET_NAME = '.s.PGSQL.5432';

export async function unprivileged(): Promise<RunAs> {
  if (process.getuid?.() !== 0) return null;
  // initdb looks its user up by id, so it must be one that the system knows; every system has this one.
  const entries = (await readFile('/etc/passwd', 'utf8').catch(() => '')).split('\n').map((line) => line.split(':'));
  const nobody = entries.find(([name]) => name === 'nobody');
  // macOS writes it as -2.
  return { uid: Number(nobody?.[2] ?? 65534) >>> 0, gid: Number(nobody?.[3] ?? 65534) >>> 0 };
}

/** As the options of a child process want it: signed. */
export function spawnAs(runAs: RunAs): { uid?: number; gid?: number } {
  return runAs ? { uid: runAs.uid | 0, gid: runAs.gid | 0 } : {};
}

/**
 * `dataDir/postgres`, except as root where others cannot enter that folder: then a folder elsewhere,
 * with a link to it in the usual place, so that the data is found again wherever `dataDir` is moved to.
 */
export async function prepareFolders(dataDir: string, runAs: RunAs): Promise<Folders> {
  const usual = path.join(path.resolve(dataDir), 'postgres');
  try {
    const isThere = await lstat(usual).then(
      () => true,
      () => false,
    );
    if (!isThere) await mkdir(path.dirname(usual), { recursive: true });
    if (!isThere && (await canReach(path.dirname(usual), runAs))) await mkdir(usual, { mode: 0o700 });
    else if (!isThere) await symlink(await shelter(usual, runAs), usual);
    const location = await realpath(usual);
    if (!(await canReach(path.dirname(location), runAs))) {
      throw new LocalPostgresError(
        'unwritable',
        `PostgreSQL does not run as root, and its user cannot enter ${path.dirname(location)}: let others enter that folder (chmod o+x), or choose another data folder`,
        { path: location },
      );
    }
    await giveTo(location, runAs);
    await chmod(location, 0o700);
    return {
      location,
      data: path.join(location, 'data'),
      run: await socketFolder(location, runAs),
      log: path.join(location, 'postgres.log'),
    };
  } catch (error) {
    if (error instanceof LocalPostgresError) throw error;
    throw errorFromFileSystem('prepare', usual, error);
  }
}

/** Where binaries lie in a folder that the server's user cannot enter, a copy that it can. */
export async function reachableBinaries(binaries: Binaries, runAs: RunAs): Promise<Binaries> {
  if (!binaries.root || (await canReach(binaries.bin, runAs))) return binaries;
  const copy = await shelter(`${binaries.root}@${binaries.version}`, null);
  const complete = path.join(copy, 'native');
  try {
    await chmod(copy, 0o755);
    if (!(await stat(complete).catch(() => null))) {
      const partial = path.join(copy, `partial-${process.pid}`);
      await rm(partial, { recursive: true, force: true });
      await cp(binaries.root, partial, { recursive: true, verbatimSymlinks: true });
      await chmod(partial, 0o755);
      await rename(partial, complete).catch(async (error: NodeJS.ErrnoException) => {
        await rm(partial, { recursive: true, force: true });
        if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      });
    }
  } catch (error) {
    throw errorFromFileSystem('copy PostgreSQL to', copy, error);
  }
  return { ...binaries, bin: path.join(complete, 'bin'), root: complete };
}

export async function giveTo(file: string, runAs: RunAs): Promise<void> {
  if (runAs) await chown(file, runAs.uid, runAs.gid);
}

/** May that user pass through every folder down to this one? */
async function canReach(folder: string, runAs: RunAs): Promise<boolean> {
  if (!runAs) return true;
  for (let at = await realpath(folder); ; at = path.dirname(at)) {
    const { mode, uid, gid } = await stat(at);
    const bit = uid === runAs.uid ? 0o100 : gid === runAs.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (at === path.dirname(at)) return true;
  }
}

/** A folder of our own with a stable name, in a place that everybody can enter. */
async function shelter(what: string, runAs: RunAs): Promise<string> {
  const name = `chatterbot-${createHash('sha256').update(what).digest('hex').slice(0, 12)}`;
  let refused: unknown;
  for (const parent of ['/var/lib', tmpdir()]) {
    const folder = path.join(parent, name);
    try {
      if (!(await canReach(parent, runAs ?? { uid: -1, gid: -1 }))) continue;
      return await ownFolder(folder, runAs);
    } catch (error) {
      refused = error;
    }
  }
  throw errorFromFileSystem('make a folder for', what, refused ?? new Error('no folder that others can enter'));
}

/** Makes it, or takes it only where nobody else could have put it there. */
async function ownFolder(folder: string, runAs: RunAs): Promise<string> {
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  const found = await lstat(folder);
  const owners = [process.getuid?.(), runAs?.uid];
  if (!found.isDirectory() || !owners.includes(found.uid)) throw new Error(`${folder} belongs to another user`);
  await giveTo(folder, runAs);
  return folder;
}

async function socketFolder(location: string, runAs: RunAs): Promise<string> {
  const fits = (folder: string) => Buffer.byteLength(path.join(folder, SOCKET_NAME)) <= MAX_SOCKET_PATH;
  const usual = path.join(location, 'run');
  if (fits(usual)) return await ownFolder(usual, runAs);
  const name = `chatterbot-${createHash('sha256').update(location).digest('hex').slice(0, 12)}`;
  const parent = [tmpdir(), '/tmp'].find((folder) => fits(path.join(folder, name))) ?? '/tmp';
  const folder = await ownFolder(path.join(parent, name), runAs);
  await chmod(folder, 0o700);
  return folder;
}
