import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { runChecks } from './check.mjs';
import { ensureChromium } from './lib/chromium.mjs';
import { CACHE, innerEnvironment, ROOT, SetupError, say } from './lib/project.mjs';
import { runCommand } from './lib/run-command.mjs';
import { setUp } from './lib/set-up.mjs';

/**
 * `npm test`: sets up and tests everything; `npm test -- unit e2e` only those. The last line says how many
 * passed and failed. One group after the other, so that servers and browsers do not take each other's time;
 * those of the last group wait more than they compute.
 */
const GROUPS = [['unit'], ['contracts'], ['simulation'], ['services'], ['e2e', 'faults', 'page', 'bench']];
const PARTS = ['check', ...GROUPS.flat()];
/**
 * Asked for by name. `npm run test:ha`: Sentinel, Redis Cluster, three brokers, promoted standbys, clocks apart, TLS.
 * `npm run test:ray`: Ray Serve and vLLM, which it installs.
 */
const BY_NAME = ['ha', 'ray'];
const KNOWN = [...PARTS, ...BY_NAME];
/** On RabbitMQ, Redis, NGINX and several PostgreSQL servers. */
const NEED_SERVERS = ['services', 'faults', 'bench', 'ha'];
/** At once, on the two cores that this is meant for; two where it is not said. */
const WORKERS = { services: 3, ha: 1, ray: 1 };
/** What hangs is to fail, not to hang: the longest, failover, takes half of it. */
const GROUP_LIMIT_MS = 25 * 60_000;

/** @typedef {{ status: string, fullName: string, failureMessages: string[] }} Test */
/** @typedef {{ name: string, status: string, message: string, startTime: number, endTime: number, assertionResults: Test[] }} TestFile */
/** @typedef {{ passed: number, failed: number, skipped: number, failures: string[], seconds: number }} Counts `failures`: a line each */

/** @param {string} node @param {string[]} group @returns {Promise<Map<string, Counts>>} by part */
async function runGroup(node, group) {
  const report = join(CACHE, 'test-reports', `${group.join('-')}.json`);
  mkdirSync(join(CACHE, 'test-reports'), { recursive: true });
  rmSync(report, { force: true });
  const workers = WORKERS[/** @type {'ha'} */ (group[0])] ?? 2;
  say(`\n— ${group.join(', ')}`);
  const code = await runCommand(
    node,
    [
      join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'),
      'run',
      ...group.map((project) => `--project=${project}`),
      `--maxWorkers=${workers}`,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ],
    { env: innerEnvironment(), timeout: GROUP_LIMIT_MS },
  );
  const counts = readReport(report, group);
  const all = [...counts.values()];
  const [first] = all;
  // A file that does not load, an error outside of any test or a project without tests is a failure too.
  if (code !== 0 && first && all.every(({ failed }) => failed === 0)) {
    first.failed = 1;
    first.failures.push(`vitest ended with exit code ${code}`);
  }
  return counts;
}

/**
 * @param {string} file
 * @param {string[]} group
 * @returns {Map<string, Counts>}
 */
function readReport(file, group) {
  /** @type {TestFile[]} */
  const files = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).testResults : [];
  return new Map(
    group.map((part) => [
      part,
      countFiles(group.length === 1 ? files : files.filter(({ name }) => name.includes(`/test/${part}/`))),
    ]),
  );
}

/** @param {TestFile[]} files @returns {Counts} */
function countFiles(files) {
  const tests = files.flatMap(({ name, assertionResults }) => assertionResults.map((test) => ({ name, ...test })));
  const withStatus = (/** @type {string[]} */ ...of) => tests.filter(({ status }) => of.includes(status));
  const failed = withStatus('failed').map(({ name, fullName, failureMessages }) =>
    describeFailure(name, fullName, failureMessages[0]),
  );
  const unloaded = files
    .filter((file) => file.status === 'failed' && file.assertionResults.every(({ status }) => status !== 'failed'))
    .map(({ name, message }) => describeFailure(name, 'does not load', message));
  const ends = files.map(({ endTime }) => endTime);
  return {
    passed: withStatus('passed').length,
    failed: failed.length + unloaded.length,
    skipped: tests.length - withStatus('passed', 'failed').length,
    failures: [...failed, ...unloaded],
    seconds:
      files.length === 0
        ? 0
        : Math.round((Math.max(...ends) - Math.min(...files.map(({ startTime }) => startTime))) / 1000),
  };
}

/** @param {string} file @param {string} test @param {string} [message] */
function describeFailure(file, test, message = '') {
  return `${relative(ROOT, file)} > ${test}: ${message.split('\n', 1)[0]}`;
}

/** @returns {Promise<Counts>} */
async function runCheckPart() {
  const started = Date.now();
  const results = await runChecks();
  const named = (/** @type {string} */ outcome) => results.filter((result) => result.outcome === outcome);
  const failures = named('failed').map(({ name }) => name);
  return {
    passed: named('passed').length,
    failed: failures.length,
    skipped: named('not checked').length,
    failures,
    seconds: Math.round((Date.now() - started) / 1000),
  };
}

/** @param {string[]} parts */
async function runAll(parts) {
  const node = await setUp();
  if (parts.includes('page')) await ensureChromium();
  // The smallest real model, where it can be had; the tests write the tiny random one themselves.
  if (parts.some((part) => part !== 'check' && part !== 'ray')) {
    await runCommand(node, [join('scripts', 'ensure-real-model.ts')], { env: innerEnvironment() });
  }
  if (parts.some((part) => NEED_SERVERS.includes(part))) {
    const more = parts.includes('ha') ? ['--faketime', '--pgbouncer'] : ['--faketime'];
    const code = await runCommand(node, [join('scripts', 'ensure-servers.ts'), ...more], {
      env: innerEnvironment(),
    });
    if (code !== 0) throw new SetupError('These tests start servers of their own, which are not installed');
  }
  /** @type {Map<string, Counts>} */
  const results = new Map();
  if (parts.includes('check')) results.set('check', await runCheckPart());
  for (const group of [...GROUPS, ...BY_NAME.map((part) => [part])]) {
    const asked = group.filter((part) => parts.includes(part));
    if (asked.length === 0) continue;
    for (const [part, counts] of await runGroup(node, asked)) results.set(part, counts);
  }
  return results;
}

const asked = process.argv.slice(2);
const unknown = asked.filter((part) => !KNOWN.includes(part));
if (unknown.length > 0) {
  say(`There is no part ${unknown.join(', ')}; parts are ${KNOWN.join(', ')}`);
  process.exit(2);
}

try {
  const results = await runAll(asked.length > 0 ? asked : PARTS);
  say('');
  let passed = 0;
  let failed = 0;
  for (const [part, counts] of results) {
    passed += counts.passed;
    failed += counts.failed;
    const skipped = counts.skipped > 0 ? `, ${counts.skipped} not run` : '';
    say(`${part.padEnd(10)} ${counts.passed} passed, ${counts.failed} failed${skipped} (${counts.seconds} s)`);
    for (const failure of counts.failures) say(`  failed: ${failure}`);
  }
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exitCode = failed > 0 ? 1 : 0;
} catch (error) {
  say(
    error instanceof SetupError
      ? error.message
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error),
  );
  process.stdout.write('0 passed, 1 failed\n');
  process.exitCode = 1;
}
