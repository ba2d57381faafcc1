import { setTimeout as sleep } from 'node:timers/promises';

/** Where nobody buries the dead, a killed process stays listed. */
const GONE_TIMEOUT_MS = 3_000;
const GONE_POLL_MS = 5;

/** Kills a process group outright. Resolves when all of it is gone, and with it what it had open: ports, files. */
export async function killGroup(leader: number): Promise<void> {
  if (!signalGroup(leader, 'SIGKILL')) return;
  const last = performance.now() + GONE_TIMEOUT_MS;
  while (signalGroup(leader, 0) && performance.now() < last) await sleep(GONE_POLL_MS);
}

function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-leader, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
