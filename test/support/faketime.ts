import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Installable } from '../../src/roles/cluster/installed.ts';

const ROOTS = ['/usr/lib', '/usr/local/lib', '/opt/homebrew/lib'];
const FILES = ['libfaketime.so.1', 'libfaketime.1.dylib'];

/** A library that shifts the clock of the process that loads it. */
export const FAKETIME: Installable = {
  title: 'libfaketime',
  package: 'libfaketime',
  brew: 'libfaketime',
  isThere: () => library() !== null,
};

function library(): string | null {
  const folders = ROOTS.filter((root) => existsSync(root)).flatMap((root) => [
    join(root, 'faketime'),
    ...readdirSync(root).map((name) => join(root, name, 'faketime')),
  ]);
  return folders.flatMap((folder) => FILES.map((file) => join(folder, file))).find((path) => existsSync(path)) ?? null;
}

/** Environment of a process whose clock is off by so many seconds. Its timers run as they should. */
export function clockOff(seconds: number): Record<string, string> {
  const path = library();
  if (path === null) throw new Error('libfaketime is needed: node scripts/ensure-servers.ts --faketime');
  return {
    [process.platform === 'darwin' ? 'DYLD_INSERT_LIBRARIES' : 'LD_PRELOAD']: path,
    FAKETIME: `${seconds < 0 ? '-' : '+'}${Math.abs(seconds)}s`,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
}
