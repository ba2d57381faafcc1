import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const VERSION = '3.54.0';
const FOLDER = fileURLToPath(new URL(`../../.cache/python-openai-${VERSION}/`, import.meta.url));
const DONE = join(FOLDER, 'complete');
const run = promisify(execFile);

/** A Python that has OpenAI's official client, in an environment of its own; made once. */
export async function pythonWithOpenAi(): Promise<string> {
  const python = join(FOLDER, 'bin', 'python');
  if (existsSync(DONE)) return python;
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  try {
    await run('python3', ['-m', 'venv', FOLDER]);
  } catch (cause) {
    throw new Error('Python 3.9 or newer with venv is needed: apt-get install python3 python3-venv', { cause });
  }
  try {
    await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `openai==${VERSION}`]);
  } catch (cause) {
    throw new Error(`pip could not install openai==${VERSION}: it needs a PyPI index (PIP_INDEX_URL)`, { cause });
  }
  writeFileSync(DONE, '');
  return python;
}
