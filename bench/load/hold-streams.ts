import { setTimeout as sleep } from 'node:timers/promises';
import { cpuBetween, type Processes, residentKb, takeCpu } from './cpu-window.ts';
import { type ReaderCounts, type ReaderOptions, Readers } from './generators.ts';

/** What is asked: ours, or anything that speaks OpenAI's protocol. */
export type Target = {
  name: string;
  hosts: readonly string[];
  mode: 'stream' | 'openai';
  key?: string;
  path?: string;
  model?: string;
  headers?: Record<string, string>;
  /** Whose CPU is counted; nobody's for the model server itself. */
  processes: () => Processes;
  /** Processes whose memory is told by stream. */
  memory?: () => { group: string; pids: number[] }[];
};

export type Load = {
  streams: number;
  pace: number;
  seconds: number;
  /** Seconds that each goes on after what is measured, so that none ends within it. */
  tail?: number;
  rampPerSecond: number;
  more?: Partial<ReaderOptions>;
};

/** What several counted, by code. */
export function sumOfCodes(all: readonly Record<string, number>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [code, count] of all.flatMap(Object.entries<number>)) sums[code] = (sums[code] ?? 0) + count;
  return sums;
}

export type StreamSample = {
  target: string;
  streams: number;
  tokensPerSecond: number;
  tokensPerEvent: number;
  /** µs for each token that was delivered. */
  cpu: Record<string, number>;
  cpuPerToken: number;
  cores: number;
  foreignCores: number;
  /** Of the generators, in cores. */
  generatorCores: number;
  ttft: ReaderCounts['ttft'];
  ack: ReaderCounts['ack'];
  delay: ReaderCounts['delay'];
  /** KB by stream. */
  memory: Record<string, number>;
  lostBytes: number;
  torn: number;
  errors: number;
  codes: Record<string, number>;
};

const LOOK_MS = 250;
const ALL_LIVE_LOOKS = 240;
/** Seconds that each goes on after what is measured. */
const TAIL_S = 6;

/**
 * Opens the streams at a steady rate, waits until all are live, measures for that many seconds, and lets them
 * come to their ends: what is lost or doubled is known only then.
 */
export async function holdStreams(
  target: Target,
  { streams, pace, seconds, rampPerSecond, tail = TAIL_S, more }: Load,
  upstreamPid: number,
): Promise<StreamSample> {
  const ramp = streams / rampPerSecond;
  const idle = target.memory?.().map(({ group, pids }) => [group, sumKb(pids)] as const) ?? [];
  await using readers = new Readers({
    mode: target.mode,
    hosts: target.hosts,
    ...(target.key && { key: target.key }),
    ...(target.path && { path: target.path }),
    ...(target.model && { model: target.model }),
    ...(target.headers && { headers: target.headers }),
    sessions: streams,
    rate: rampPerSecond,
    pace,
    // Enough for the slowest ramp.
    tokens: Math.ceil((ramp * 1.3 + seconds + tail) * pace),
    users: Math.max(200, Math.ceil(streams / 4)),
    sources: Math.min(64, Math.max(1, Math.ceil(streams / 500))),
    ...more,
  });
  const generators: Processes = [
    { group: 'model server', pid: upstreamPid },
    { group: 'readers', pid: readers.pid },
  ];
  await sleep(ramp * 1000);
  await allLive(readers, streams);
  await sleep((tail / TAIL_S) * 1000);
  const processes = () => [...target.processes(), ...generators];
  await readers.mark();
  const before = takeCpu(processes());
  await sleep(seconds * 1000);
  const counts = await readers.mark();
  const use = cpuBetween(before, takeCpu(processes()));
  const memory = Object.fromEntries(
    (target.memory?.() ?? []).map(({ group, pids }) => {
      const base = idle.find(([name]) => name === group)?.[1] ?? 0;
      return [group, (sumKb(pids) - base) / streams];
    }),
  );
  await ended(readers, pace);
  const all = readers.taken;
  const isGenerator = new Set(generators.map(({ group }) => group));
  const perToken = Object.fromEntries(
    Object.entries(use.microseconds)
      .filter(([group]) => !isGenerator.has(group))
      .map(([group, us]) => [group, us / counts.tokens]),
  );
  const cpuPerToken = Object.values(perToken).reduce((sum, each) => sum + each, 0);
  return {
    target: target.name,
    streams: counts.live,
    tokensPerSecond: counts.tokens / use.seconds,
    tokensPerEvent: counts.tokens / counts.events,
    cpu: perToken,
    cpuPerToken,
    cores: (cpuPerToken * counts.tokens) / 1e6 / use.seconds,
    foreignCores: use.foreignCores,
    generatorCores:
      [...isGenerator].reduce((sum, group) => sum + (use.microseconds[group] ?? 0), 0) / 1e6 / use.seconds,
    ttft: largest(all.map(({ ttft }) => ttft)),
    ack: largest(all.map(({ ack }) => ack)),
    delay: counts.delay,
    memory,
    lostBytes: sum(all, 'lost'),
    torn: sum(all, 'torn'),
    errors: sum(all, 'errors') + sum(all, 'failed'),
    codes: sumOfCodes(all.map(({ codes }) => codes)),
  };
}

async function allLive(readers: Readers, streams: number): Promise<void> {
  for (let looks = 0; looks < ALL_LIVE_LOOKS && !readers.areOver; looks += 1) {
    const counts = await readers.mark();
    if (counts.live >= streams || (counts.finished > 0 && looks > 20)) break;
    await sleep(LOOK_MS);
  }
}

/** They end within seconds; who does not is counted as lost by the next who looks at the model server. */
async function ended(readers: Readers, pace: number): Promise<void> {
  const patience = new AbortController();
  const late = sleep(60_000 + 20_000 / pace, 'late' as const, { signal: patience.signal }).catch(() => 'late' as const);
  const end = readers.ended();
  if ((await Promise.race([end, late])) === 'late') void readers.quit().catch(() => {});
  patience.abort();
  await end;
}

/** The part of the run in which most of them were counted. */
function largest(all: readonly ReaderCounts['ttft'][]): ReaderCounts['ttft'] {
  return all.reduce((most, each) => (each.count > most.count ? each : most));
}

const sum = (all: readonly ReaderCounts[], name: 'lost' | 'torn' | 'errors' | 'failed') =>
  all.reduce((total, each) => total + each[name], 0);

const sumKb = (pids: readonly number[]) => pids.reduce((total, pid) => total + residentKb(pid), 0);
