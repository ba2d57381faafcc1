export type LocalPostgresReason =
  | 'disk_full'
  | 'unwritable'
  | 'wrong_version'
  | 'in_use'
  | 'no_binaries'
  /** Anything else; the message ends with what PostgreSQL said. */
  | 'failed';

/** Why the embedded PostgreSQL cannot run, in one line for people. */
export class LocalPostgresError extends Error {
  readonly reason: LocalPostgresReason;
  /** As Node names it, where the file system is to blame: ENOSPC or EACCES. */
  readonly code: string | undefined;
  readonly path: string | undefined;

  constructor(reason: LocalPostgresReason, message: string, options: { path?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'LocalPostgresError';
    this.reason = reason;
    this.path = options.path;
    this.code = reason === 'disk_full' ? 'ENOSPC' : reason === 'unwritable' ? 'EACCES' : undefined;
  }
}

/** `said`: the last lines of what initdb or postgres wrote. */
export function errorFromOutput(doing: string, folder: string, said: string): LocalPostgresError {
  if (/No space left on device|Disk quota exceeded/i.test(said)) return diskFull(folder);
  if (/Read-only file system|Permission denied|Operation not permitted/i.test(said)) {
    return new LocalPostgresError('unwritable', `PostgreSQL may not write in ${folder}: ${worst(said)}`, {
      path: folder,
    });
  }
  if (/lock file ".*" already exists|pre-existing shared memory block/i.test(said)) {
    return new LocalPostgresError('in_use', `Another PostgreSQL uses ${folder}: ${worst(said)}`, { path: folder });
  }
  return new LocalPostgresError('failed', `PostgreSQL did not ${doing} in ${folder}: ${worst(said)}`, { path: folder });
}

export function errorFromFileSystem(doing: string, folder: string, cause: unknown): LocalPostgresError {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull(folder, cause);
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new LocalPostgresError('unwritable', `Not allowed to ${doing} ${folder} (${code})`, { path: folder, cause });
  }
  return new LocalPostgresError('failed', `Cannot ${doing} ${folder}: ${message}`, { path: folder, cause });
}

function diskFull(folder: string, cause?: unknown): LocalPostgresError {
  return new LocalPostgresError('disk_full', `The disk is full: ${folder}`, { path: folder, cause });
}

/** The line that names the trouble, else the last one. */
function worst(said: string): string {
  const lines = said
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const named = lines.findLast((line) => /(FATAL|PANIC|error):/i.test(line));
  return named ?? lines.at(-1) ?? 'it said nothing';
}
