import { execFile } from 'node:child_process';
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Binaries } from './local-binaries.ts';
import { errorFromFileSystem, errorFromOutput } from './local-error.ts';
import { type Folders, type RunAs, spawnAs } from './local-folders.ts';

export const LOCAL_USER = 'chatterbot';
const INIT_TIMEOUT_MS = 120_000;
const run = promisify(execFile);

/** The major version that made the data; null where there is none yet. */
export async function dataVersion(data: string): Promise<number | null> {
  const version = await readFile(path.join(data, 'PG_VERSION'), 'utf8').catch(() => '');
  return Number.parseInt(version, 10) || null;
}

/** Makes the data folder under another name and renames it when whole: a cut first start leaves nothing half-made. */
export async function initialise(binaries: Binaries, folders: Folders, runAs: RunAs): Promise<void> {
  const parent = path.dirname(folders.data);
  for (const name of await readdir(parent)) {
    if (name.startsWith('data.new-')) await rm(path.join(parent, name), { recursive: true, force: true });
  }
  const fresh = path.join(parent, `data.new-${process.pid}`);
  let said = '';
  for (const locale of locales(binaries.major)) {
    const failure = await initdb(binaries, fresh, locale, runAs);
    if (failure === null) return await moveIn(fresh, folders.data);
    said = failure;
    await rm(fresh, { recursive: true, force: true });
    if (!/locale|encoding/i.test(said)) break;
  }
  throw errorFromOutput('make its files', parent, said);
}

/** Text is compared by code point and folded as Unicode says, whatever the system's own locales are. */
function locales(major: number): string[][] {
  if (major < 17) return [['--locale=C.UTF-8'], ['--locale=en_US.UTF-8'], ['--locale=C']];
  const builtin = ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  return [
    [...builtin, '--locale=C.UTF-8'],
    [...builtin, '--locale=C'],
  ];
}

/** Null where it went well, else what it said. */
async function initdb(binaries: Binaries, fresh: string, locale: string[], runAs: RunAs): Promise<string | null> {
  const options = ['--encoding=UTF8', '--auth=trust', `--username=${LOCAL_USER}`, '--no-instructions'];
  try {
    await run(path.join(binaries.bin, 'initdb'), [`--pgdata=${fresh}`, ...options, ...locale], {
      ...spawnAs(runAs),
      cwd: path.dirname(fresh),
      env: childEnvironment(),
      timeout: INIT_TIMEOUT_MS,
    });
    return null;
  } catch (error) {
    const { stderr = '', stdout = '', message } = error as Error & { stderr?: string; stdout?: string };
    return `${stdout}\n${stderr}`.trim() || message;
  }
}

async function moveIn(fresh: string, data: string): Promise<void> {
  try {
    if (await stat(data).catch(() => null)) await rename(data, `${data}.incomplete-${process.pid}`);
    await rename(fresh, data);
  } catch (error) {
    throw errorFromFileSystem('put in place', data, error);
  }
}

/** Nothing of the caller's PG… variables, which would change what our own server does. */
export function childEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_MESSAGES: 'C', TZ: 'UTC' };
}
