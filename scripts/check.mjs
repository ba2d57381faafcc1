import { join } from 'node:path';
import { findNode } from './install-node-packages.mjs';
import { innerEnvironment, isMain, ROOT, SetupError, say } from './lib/project.mjs';
import { runCommand } from './lib/run-command.mjs';

/** Outside the lock file: its platform packages cannot all be locked, and `npm ci` would refuse the file. */
const KNIP = 'knip@6.44.2';

/** @typedef {{ name: string, outcome: 'passed' | 'failed' | 'not checked' }} CheckResult */

/**
 * Types, lint with import boundaries, dead code. All are run, whatever the first ones find. A check that
 * cannot be made is said to be so, and is a failure where `CI` is set.
 * @returns {Promise<CheckResult[]>}
 */
export async function runChecks() {
  const node = findNode();
  const tool = (/** @type {string} */ path) => join(ROOT, 'node_modules', path);
  return [
    await check('types (tsc -b)', [node, tool('typescript/bin/tsc'), '-b', '--pretty']),
    await check('lint and boundaries (biome check)', [node, tool('@biomejs/biome/bin/biome'), 'check', '.']),
    await checkDeadCode(),
  ];
}

/** @param {string} name @param {string[]} command @returns {Promise<CheckResult>} */
async function check(name, [file = '', ...args]) {
  say(`\n— ${name}`);
  const code = await runCommand(file, args, { env: innerEnvironment() });
  return report({ name, outcome: code === 0 ? 'passed' : 'failed' });
}

/** @returns {Promise<CheckResult>} */
async function checkDeadCode() {
  const name = `dead code (${KNIP})`;
  const npx = ['npx', '--yes', KNIP];
  const fetched = await runCommand('npx', ['--yes', KNIP, '--version'], {
    env: innerEnvironment(),
    stdio: 'ignore',
  }).catch(() => 1);
  if (fetched !== 0) {
    say(`\n— ${name}\nnot checked: ${KNIP} could not be fetched from the package registry`);
    return report({ name, outcome: process.env.CI ? 'failed' : 'not checked' });
  }
  return check(name, [...npx, '--no-progress']);
}

/** @param {CheckResult} result */
function report(result) {
  say(`${result.outcome}: ${result.name}`);
  return result;
}

if (isMain(import.meta.url)) {
  try {
    const results = await runChecks();
    process.exitCode = results.some(({ outcome }) => outcome === 'failed') ? 1 : 0;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    process.exitCode = 1;
  }
}
