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
 * `npm run test:ray`: Ray Serve and vLLM, which it installs. `npm run test:page`: all journeys of the page, in both themes
 * and both widths.
 */
const BY_NAME = ['ha', 'ray', 'page-whole'];
/** Of a part that is several of Vitest's. @type {Record<string, string[]>} */
const PROJECTS = { 'page-whole': ['page-whole', 'page-dark', 'page-phone', 'page-phone-dark'] };
const KNOWN = [...PARTS, ...BY_NAME];
/** On RabbitMQ, Redis, NGINX and several PostgreSQL servers. */
const NEED_SERVERS = ['services', 'faults', 'bench', 'ha'];
/** At once, on the two cores that this is meant for; two where it is not said. */
const WORKERS = { services: 3, ha: 1, ray: 1 };
/** What hangs is to fail, not to hang: the longest, failover, takes half of it. */
const GROUP_LIMIT_MS = 25 * 60_000;

/** A run of more failures than this is broken, not unsteady: it is not repeated. */
const MOST_REPEATED = 4;

/** @typedef {{ status: string, fullName: string, failureMessages: string[] }} Test */
/** @typedef {{ name: string, status: string, message: string, startTime: number, endTime: number, assertionResults: Test[] }} TestFile */
/** @typedef {{ test: string, message: string }} Failure `message`: a line, may be empty */
/** @typedef {{ passed: number, failed: number, skipped: number, failures: Failure[], unsteady: Failure[], seconds: number }} Counts */

/**
 * What failed beside others is run once more by itself. Passes it then, it is told as unsteady, with what it said:
 * these tests kill servers on two shared cores, and a run is to say what is broken.
 *
 * @param {string} node
 * @param {string[]} group
 * @returns {Promise<Map<string, Counts>>} by part
 */
async function runGroup(node, group) {
  say(`\n— ${group.join(', ')}`);
  const workers = WORKERS[/** @type {'ha'} */ (group[0])] ?? 2;
  const first = await runVitest(node, group, workers);
  const failed = first.files.filter(({ status }) => status === 'failed');
  if (failed.length === 0 || failed.length > MOST_REPEATED) return countParts(group, first, []);
  say(`\n— once more: ${failed.map(({ name }) => relative(ROOT, name)).join(', ')}`);
  const again = await runVitest(node, group, 1, failed);
  const steady = first.files.filter((file) => !failed.includes(file));
  return countParts(group, { code: again.code, files: [...steady, ...again.files] }, failed);
}

/**
 * @param {string} node
 * @param {string[]} group
 * @param {number} workers
 * @param {TestFile[]} [only]
 * @returns {Promise<{ code: number, files: TestFile[] }>}
 */
async function runVitest(node, group, workers, only = []) {
  const report = join(CACHE, 'test-reports', `${group.join('-')}${only.length > 0 ? '-again' : ''}.json`);
  mkdirSync(join(CACHE, 'test-reports'), { recursive: true });
  rmSync(report, { force: true });
  const code = await runCommand(
    node,
    [
      join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'),
      'run',
      ...only.map(({ name }) => relative(ROOT, name)),
      ...group.flatMap((part) => PROJECTS[part] ?? [part]).map((project) => `--project=${project}`),
      `--maxWorkers=${workers}`,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ],
    { env: innerEnvironment(), timeout: GROUP_LIMIT_MS },
  );
  return { code, files: existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')).testResults : [] };
}

/**
 * @param {string[]} group
 * @param {{ code: number, files: TestFile[] }} run
 * @param {TestFile[]} repeated as they were before they were run again
 * @returns {Map<string, Counts>}
 */
function countParts(group, { code, files }, repeated) {
  const ofPart = (/** @type {TestFile[]} */ all, /** @type {string} */ part) =>
    group.length === 1 ? all : all.filter(({ name }) => name.includes(`/test/${part}/`));
  const counts = new Map(
    group.map((part) => {
      const counted = countFiles(ofPart(files, part));
      const before = countFiles(ofPart(repeated, part)).failures;
      const unsteady = before.filter((failure) => !counted.failures.some(({ test }) => test === failure.test));
      return [part, { ...counted, unsteady }];
    }),
  );
  const all = [...counts.values()];
  const [first] = all;
  // A file that does not load, an error outside of any test or a project without tests is a failure too.
  if (code !== 0 && first && all.every(({ failed }) => failed === 0)) {
    first.failed = 1;
    first.failures.push({ test: 'vitest', message: `ended with exit code ${code}` });
  }
  return counts;
}

/** @param {TestFile[]} files @returns {Omit<Counts, 'unsteady'>} */
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

/** @param {string} file @param {string} test @param {string} [message] @returns {Failure} */
function describeFailure(file, test, message = '') {
  return { test: `${relative(ROOT, file)} > ${test}`, message: message.split('\n', 1)[0] ?? '' };
}

/** @returns {Promise<Counts>} */
async function runCheckPart() {
  const started = Date.now();
  const results = await runChecks();
  const named = (/** @type {string} */ outcome) => results.filter((result) => result.outcome === outcome);
  const failures = named('failed').map(({ name }) => ({ test: name, message: '' }));
  return {
    passed: named('passed').length,
    failed: failures.length,
    skipped: named('not checked').length,
    failures,
    unsteady: [],
    seconds: Math.round((Date.now() - started) / 1000),
  };
}

/** @param {string[]} parts */
async function runAll(parts) {
  const node = await setUp();
  if (parts.includes('page') || parts.includes('page-whole')) await ensureChromium();
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
    for (const { test, message } of counts.failures) say(`  failed: ${test}: ${message}`);
    for (const { test, message } of counts.unsteady) say(`  unsteady, passed by itself: ${test}: ${message}`);
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
