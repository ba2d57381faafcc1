import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PEERS = fileURLToPath(new URL('../../../.cache/peers/', import.meta.url));
const INSTALL_LIMIT_MS = 20 * 60_000;

/** An environment of its own with these packages; made once. Returns its folder of programs. */
export async function pythonWith(name: string, packages: readonly string[]): Promise<string> {
  const folder = join(PEERS, name);
  const programs = join(folder, 'bin');
  if (existsSync(join(folder, 'whole'))) return programs;
  try {
    await run('python3', ['-m', 'venv', folder], { timeout: INSTALL_LIMIT_MS });
  } catch (error) {
    throw new Error('Peers in Python need python3 with venv: apt-get install python3-venv', { cause: error });
  }
  await run(join(programs, 'pip'), ['install', '--quiet', '--disable-pip-version-check', ...packages], {
    timeout: INSTALL_LIMIT_MS,
  });
  await run('touch', [join(folder, 'whole')]);
  return programs;
}

export const programsOf = (name: string) => join(PEERS, name, 'bin');
export const folderOf = (name: string) => join(PEERS, name);
