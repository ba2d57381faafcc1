import { readFileSync } from 'node:fs';
import { cpuOfTree } from '../process-cpu.ts';

/** Which processes, by what they are; each with all below it. */
export type Processes = readonly { group: string; pid: number }[];

type Taken = { at: number; byGroup: Map<string, number>; machine: { busy: number; all: number } };

/** CPU of each group in cores, and of everybody else on the machine, between two moments. */
export type CpuUse = { seconds: number; microseconds: Record<string, number>; foreignCores: number };

export function takeCpu(processes: Processes): Taken {
  const byGroup = new Map<string, number>();
  for (const { group, pid } of processes) byGroup.set(group, (byGroup.get(group) ?? 0) + cpuOfTree(pid));
  return { at: performance.now(), byGroup, machine: machineTicks() };
}

export function cpuBetween(before: Taken, after: Taken): CpuUse {
  const seconds = (after.at - before.at) / 1000;
  const microseconds = Object.fromEntries(
    [...after.byGroup].map(([group, value]) => [group, Math.max(0, value - (before.byGroup.get(group) ?? 0))]),
  );
  const ours = Object.values(microseconds).reduce((sum, each) => sum + each, 0);
  const share = (after.machine.busy - before.machine.busy) / (after.machine.all - before.machine.all);
  const cores = readFileSync('/proc/stat', 'utf8').match(/^cpu\d+ /gm)!.length;
  return { seconds, microseconds, foreignCores: Math.max(0, share * cores - ours / 1e6 / seconds) };
}

function machineTicks(): { busy: number; all: number } {
  const [user, nice, system, idle, wait, ...rest] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]!
    .split(/\s+/)
    .slice(1)
    .map(Number);
  // Guest time is within user time already.
  const busy = user! + nice! + system! + rest.slice(0, 3).reduce((sum, each) => sum + each, 0);
  return { busy, all: busy + idle! + wait! };
}

/** Resident memory of the process itself, in KB. */
export function residentKb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN);
}
