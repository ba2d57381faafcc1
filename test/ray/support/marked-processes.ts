import { readFileSync } from 'node:fs';
import { pause } from '../../contracts/until.ts';
import { type ProcessInfo, processes, signal } from '../../support/processes.ts';

/** Whatever was started with `CHATTERBOT_TEST=mark`, and what that started: Ray's parts leave their parents. */
export function markedProcesses(mark: string): ProcessInfo[] {
  const all = processes();
  const marked = new Set(all.filter(({ pid }) => isMarked(pid, mark)).map(({ pid }) => pid));
  // One that names itself may have written over its environment.
  for (let before = -1; before !== marked.size; ) {
    before = marked.size;
    for (const { pid, parent } of all) if (marked.has(parent)) marked.add(pid);
  }
  return all.filter(({ pid }) => marked.has(pid));
}

function isMarked(pid: number, mark: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`CHATTERBOT_TEST=${mark}`);
  } catch {
    return false; // Ended meanwhile, or not ours.
  }
}

/** However this process ends: tests that are interrupted tear nothing down. */
export function endAtExit(mark: string): void {
  process.once('exit', () => {
    for (const { pid } of markedProcesses(mark)) signal(pid, 'SIGKILL');
  });
}

const POLITE_MS = 5000;

/** Ends all of them, by their ids; resolves when none is left. */
export async function endMarked(mark: string): Promise<void> {
  for (const { pid } of markedProcesses(mark)) signal(pid, 'SIGTERM');
  const until = performance.now() + POLITE_MS;
  while (markedProcesses(mark).length > 0) {
    if (performance.now() > until) for (const { pid } of markedProcesses(mark)) signal(pid, 'SIGKILL');
    await pause(100);
  }
}
