import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CACHE, say } from './project.mjs';

const FOLDER = join(CACHE, 'setup.lock');
const TOUCH_MS = 1000;
/** A holder that has not touched its lock this long is gone, whatever its pid says. */
const SILENT_MS = 20_000;

/**
 * Two starts in one checkout set up one after the other. A folder is the lock: making one either succeeds
 * or fails, and renaming a dead one away succeeds for one process only.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withSetupLock(work) {
  mkdirSync(CACHE, { recursive: true });
  for (let waited = 0; !taken(); waited++) {
    if (waited === 0) say(`Another start is setting up (process ${holder() ?? 'unknown'}); waiting for it …`);
    removeIfDead();
    await sleep(250);
  }
  const touch = setInterval(() => {
    const now = new Date();
    try {
      utimesSync(FOLDER, now, now);
    } catch {
      // Somebody who took this process for dead has removed it: what they do next, they do under their own.
    }
  }, TOUCH_MS);
  try {
    return await work();
  } finally {
    clearInterval(touch);
    if (holder() === process.pid) rmSync(FOLDER, { recursive: true, force: true });
  }
}

/**
 * Names the process that does the current step, which would outlive a killed set-up and work on the same
 * files as the next one.
 * @param {number} pid
 * @param {string} sign a piece of its command line, so that a later process of that pid is not taken for it
 */
export function noteStep(pid, sign) {
  if (holder() === process.pid) writeFileSync(join(FOLDER, 'step'), `${pid} ${sign}`);
}

/** @param {string} folder */
function endLeftOverStep(folder) {
  try {
    const [, pid = '', sign = ''] = /^(\d+) (.*)$/.exec(readFileSync(join(folder, 'step'), 'utf8')) ?? [];
    const running = () => execFileSync('ps', ['-ww', '-o', 'command=', '-p', pid], { encoding: 'utf8' }).includes(sign);
    for (let tries = 0; running(); tries++) {
      process.kill(Number(pid), tries < 50 ? 'SIGTERM' : 'SIGKILL');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    }
  } catch {
    // No step was noted, or it is gone.
  }
}

function taken() {
  try {
    mkdirSync(FOLDER);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return false;
    throw error;
  }
  writeFileSync(join(FOLDER, 'pid'), String(process.pid));
  return true;
}

/** @param {string} folder */
function holder(folder = FOLDER) {
  try {
    return Number(readFileSync(join(folder, 'pid'), 'utf8')) || null;
  } catch {
    return null;
  }
}

function removeIfDead() {
  const seen = state();
  if (seen === null || !isDead(seen)) return;
  const grave = `${FOLDER}.${process.pid}.dead`;
  try {
    renameSync(FOLDER, grave);
  } catch {
    return;
  }
  if (holder(grave) === seen.pid) {
    endLeftOverStep(grave);
    rmSync(grave, { recursive: true, force: true });
  }
  // Another was faster, and this was already its new lock: back with it.
  else renameSync(grave, FOLDER);
}

/** @returns {{ pid: number | null, touched: number } | null} */
function state() {
  try {
    return { pid: holder(), touched: statSync(FOLDER).mtimeMs };
  } catch {
    return null;
  }
}

/** @param {{ pid: number | null, touched: number }} seen */
function isDead({ pid, touched }) {
  if (Date.now() - touched > SILENT_MS) return true;
  if (pid === null || Date.now() - touched < 3 * TOUCH_MS) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'ESRCH';
  }
}
