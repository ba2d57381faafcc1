import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = resolve(fileURLToPath(new URL('../..', import.meta.url)));
export const CACHE = join(ROOT, '.cache');
export const PAGE = join(ROOT, 'dist', 'page');

/** @param {string} url `import.meta.url` of a file that may be run or imported */
export function isMain(url) {
  return process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(url);
}

/** A step that failed in a way that a person can mend: its message is the one line they see. */
export class SetupError extends Error {}

/** @param {string} line */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/**
 * The environment without what npm adds for its scripts: the Node found on this PATH is the system's, and
 * stays where it is while `node_modules` is replaced. Settings of npm itself (`npm_config_…`) are kept.
 */
export function outerEnvironment() {
  const own = join(ROOT, 'node_modules');
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(?!config_)/i.test(name) && name.toUpperCase() !== 'PATH'),
  );
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.startsWith(own));
  return { ...env, PATH: path.join(delimiter) };
}

/** For what runs from the project: its own tools first. */
export function innerEnvironment() {
  return { ...process.env, PATH: [join(ROOT, 'node_modules', '.bin'), process.env.PATH ?? ''].join(delimiter) };
}
