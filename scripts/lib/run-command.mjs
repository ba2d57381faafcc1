import { execFile, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ROOT, SetupError, say } from './project.mjs';
import { noteStep } from './setup-lock.mjs';

/**
 * Runs a command to its end and returns its exit code (128 + n where signal n ended it).
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @param {(pid: number) => void} [onStart]
 * @returns {Promise<number>}
 */
export function runCommand(command, args, options = {}, onStart = () => {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit', ...options });
    if (child.pid !== undefined) onStart(child.pid);
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + signalNumber(signal)));
  });
}

/** @param {NodeJS.Signals | null} signal */
export function signalNumber(signal) {
  return { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }[/** @type {'SIGHUP'} */ (signal)] ?? 0;
}

/**
 * @typedef {{
 *   command: string,
 *   args: readonly string[],
 *   env?: NodeJS.ProcessEnv,
 *   log: string,
 *   sign?: string,
 *   grows?: { folder: string, megabytes: number },
 * }} Step `sign`: a piece of its command line, where a left over one must be ended before the next; `grows`: what fills up while it runs, and about how far
 */

/**
 * The same with its output in a file, and a line that shows how long it runs and how far it is. Resolves to
 * the output where it succeeded.
 * @param {string} label
 * @param {Step} step
 * @param {(output: string, code: number) => string} explain what a person can do about a failure
 */
export async function runStep(label, step, explain) {
  mkdirSync(dirname(step.log), { recursive: true });
  const progress = showProgress(label, step.grows);
  const output = openSync(step.log, 'w');
  let code;
  try {
    /** @type {import('node:child_process').SpawnOptions} */
    const options = { env: step.env, stdio: ['ignore', output, output] };
    code = await runCommand(step.command, step.args, options, (pid) => {
      if (step.sign !== undefined) noteStep(pid, step.sign);
    });
  } catch (error) {
    progress.end('failed');
    throw new SetupError(explain(String(error), -1));
  } finally {
    closeSync(output);
  }
  progress.end(code === 0 ? 'done' : 'failed');
  const text = readFileSync(step.log, 'utf8');
  if (code !== 0) throw new SetupError(explain(text, code));
  return text;
}

/** @param {string} label @param {Step['grows']} grows */
function showProgress(label, grows) {
  const started = Date.now();
  const terminal = process.stderr.isTTY === true;
  let size = '';
  const elapsed = () => `${Math.round((Date.now() - started) / 1000)} s`;
  say(`${label} …`);
  const timer = setInterval(
    async () => {
      if (grows) size = await sizeOf(grows);
      const text = `  ${elapsed()}${size}`;
      if (timer.hasRef()) process.stderr.write(terminal ? `\r\x1b[K${text}` : `${text}\n`);
    },
    terminal ? 1000 : 10_000,
  );
  return {
    /** @param {string} result */
    end(result) {
      clearInterval(timer);
      timer.unref();
      process.stderr.write(`${terminal ? '\r\x1b[K' : ''}  ${result} in ${elapsed()}\n`);
    },
  };
}

/** @param {NonNullable<Step['grows']>} grows @returns {Promise<string>} */
function sizeOf({ folder, megabytes }) {
  return new Promise((resolve) => {
    execFile('du', ['-sk', folder], { timeout: 5000 }, (_error, output) => {
      const done = Math.round(Number.parseInt(output, 10) / 1000);
      resolve(Number.isNaN(done) ? '' : `, ${done} of about ${megabytes} MB`);
    });
  });
}
