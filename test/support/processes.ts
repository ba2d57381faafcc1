import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export type ProcessInfo = { pid: number; parent: number; command: string };

/** Every process of the machine that can be seen; those that have ended and are not collected yet are left out. */
export function processes(): ProcessInfo[] {
  return process.platform === 'linux' ? fromProc() : fromPs();
}

export function isRunning(pid: number): boolean {
  return processes().some((each) => each.pid === pid);
}

/** Children of `pid`, theirs, and so on. */
export function descendants(pid: number): ProcessInfo[] {
  const all = processes();
  const found: ProcessInfo[] = [];
  const parents = new Set([pid]);
  for (let more = true; more; ) {
    const next = all.filter((each) => parents.has(each.parent) && !parents.has(each.pid));
    for (const each of next) parents.add(each.pid);
    found.push(...next);
    more = next.length > 0;
  }
  return found;
}

/** Signals one process; one that is gone already is no failure. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function fromProc(): ProcessInfo[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      return state === 'Z' ? [] : [{ pid: Number(name), parent: Number(parent), command }];
    } catch {
      return []; // Ended meanwhile.
    }
  });
}

function fromPs(): ProcessInfo[] {
  return execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,command='], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line) => {
      const match = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line);
      if (!match || match[3]!.startsWith('Z')) return [];
      return [{ pid: Number(match[1]), parent: Number(match[2]), command: match[4]! }];
    });
}
