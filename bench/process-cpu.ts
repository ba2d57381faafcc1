import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { descendants } from '../test/support/processes.ts';

const isLinux = process.platform === 'linux';
/** Times in /proc are in units of this many microseconds. */
const TICK_US = isLinux ? 1e6 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' })) : Number.NaN;

/** Microseconds of CPU that a process has used, its own and the kernel's for it. Not measured (NaN) outside Linux. */
export function cpuOf(pid: number): number {
  if (!isLinux) return Number.NaN;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  return (user + system) * TICK_US;
}

/** Of a process and of everything below it that lives now. */
export function cpuOfTree(pid: number): number {
  if (!isLinux) return Number.NaN;
  return [pid, ...descendants(pid).map((each) => each.pid)].reduce((sum, each) => sum + alive(each), 0);
}

function alive(pid: number): number {
  try {
    return cpuOf(pid);
  } catch {
    return 0; // Ended between being listed and being read.
  }
}
