import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';

/** What the file holds; where there is none, a new one that nobody guesses. */
export async function keptSecret(path: string, prefix: string): Promise<string> {
  try {
    const kept = (await readFile(path, 'utf8')).trim();
    if (kept !== '') return kept;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const secret = `${prefix}${randomBytes(24).toString('base64url')}`;
  await writeFile(path, `${secret}\n`, { mode: 0o600 });
  return secret;
}
