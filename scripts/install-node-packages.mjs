import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprint, readStamp } from './lib/fingerprint.mjs';
import { CACHE, isMain, outerEnvironment, ROOT, SetupError, say } from './lib/project.mjs';
import { runStep } from './lib/run-command.mjs';

const MODULES = join(ROOT, 'node_modules');
const STAMP = join(MODULES, '.chatterbot-lock');
const PINNED_NODE = join(MODULES, 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
/** From here on Node runs TypeScript without a flag and without a warning. */
const OLDEST_NODE = { major: 24, minor: 12 };
const OLDEST_NODE_NAME = `${OLDEST_NODE.major}.${OLDEST_NODE.minor}`;

const wanted = () => fingerprint(['package-lock.json'], `${process.platform} ${process.arch}`);

export function packagesAreInstalled() {
  return readStamp(STAMP) === wanted();
}

/** Installs exactly what the lock file says, unless that is there already. Call it under the set-up lock. */
export async function installPackages() {
  if (packagesAreInstalled()) return;
  if (!treeMatchesLock()) {
    rmSync(STAMP, { force: true });
    const args = [
      'ci',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
      '--fetch-retry-mintimeout=2000',
      '--fetch-retry-maxtimeout=10000',
    ];
    const log = join(CACHE, 'npm-ci.log');
    await runStep(
      'Installing packages and Node 24 (npm ci; about 600 MB, once)',
      {
        command: 'npm',
        args,
        env: outerEnvironment(),
        log,
        sign: 'npm ci',
        grows: { folder: MODULES, megabytes: 600 },
      },
      (output, code) => `${explain(output, code)}${existsSync(log) ? ` (details: ${log})` : ''}`,
    );
  }
  const missing = missingPackages();
  if (missing.length > 0) {
    throw new SetupError(
      `npm left out ${missing.join(', ')}: check the network and npm's \`omit\` setting, then start again`,
    );
  }
  findNode();
  writeFileSync(STAMP, `${wanted()}\n`);
}

/** The pinned Node; where it cannot run (another libc, scripts switched off), the one in use, if it is new enough. */
export function findNode() {
  const pinned = versionOf(PINNED_NODE);
  if (isNewEnough(pinned)) return PINNED_NODE;
  if (isNewEnough(process.version)) return process.execPath;
  throw new SetupError(
    existsSync(PINNED_NODE)
      ? `The packaged Node does not run on this system: install Node ${OLDEST_NODE_NAME} or newer (this is ${process.version})`
      : `npm did not install Node 24: allow install scripts (\`npm config set ignore-scripts false\`) or install Node ${OLDEST_NODE_NAME} or newer, then start again`,
  );
}

/** @param {string} node */
function versionOf(node) {
  try {
    return execFileSync(node, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return null;
  }
}

/** @param {string | null} version */
function isNewEnough(version) {
  const match = /^v(\d+)\.(\d+)\./.exec(version ?? '');
  if (!match) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > OLDEST_NODE.major || (major === OLDEST_NODE.major && minor >= OLDEST_NODE.minor);
}

/** @typedef {{ version?: string, optional?: boolean, os?: string[], cpu?: string[], libc?: string[] }} LockEntry */

/** npm writes its own copy of the lock file last of all: an interrupted install has none. */
function treeMatchesLock() {
  return (
    existsSync(join(MODULES, '.package-lock.json')) && missingPackages().length === 0 && versionOf(PINNED_NODE) !== null
  );
}

/** What the lock file wants on this platform and the tree lacks. npm forgives itself the optional ones. */
function missingPackages() {
  const installed = readLock(join(MODULES, '.package-lock.json'));
  return Object.entries(readLock(join(ROOT, 'package-lock.json')))
    .filter(([path, entry]) => path !== '' && isForHere(entry) && installed[path]?.version !== entry.version)
    .map(([path]) => path.replace(/^.*node_modules\//, ''));
}

/** @param {LockEntry} entry */
function isForHere({ optional, os, cpu, libc }) {
  if (!optional) return true;
  return os?.includes(process.platform) === true && cpu?.includes(process.arch) === true && libc === undefined;
}

/** @param {string} file @returns {Record<string, LockEntry>} */
function readLock(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : {};
}

/** @param {string} output @param {number} code */
function explain(output, code) {
  if (/ENOSPC|no space left/i.test(output)) return 'The disk is full: free about 1 GB, then start again';
  if (/spawn npm ENOENT/.test(output)) return 'npm was not found: install Node.js with npm, then start again';
  if (/ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET|ENETUNREACH|network/i.test(output)) {
    return "The package registry cannot be reached: check the network (or npm's `registry` and `proxy`), then start again";
  }
  if (/EACCES|EPERM|EROFS/.test(output))
    return `${ROOT} cannot be written by this user: change its owner, then start again`;
  if (/can only install packages when|EUSAGE/.test(output)) {
    return 'package.json and package-lock.json do not agree: restore both from the repository (or run npm install), then start again';
  }
  if (/EBADENGINE|Unsupported engine/i.test(output))
    return `Node ${process.version} is too old: install Node 20 or newer`;
  return `npm ci failed with exit code ${code}: start again, or run npm ci to see why`;
}

if (isMain(import.meta.url)) {
  const { withSetupLock } = await import('./lib/setup-lock.mjs');
  await withSetupLock(installPackages).catch((error) => {
    say(error instanceof SetupError ? error.message : error.stack);
    process.exitCode = 1;
  });
}
