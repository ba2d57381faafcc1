import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedServer } from '../test/support/embedded-server.ts';
import { cpuOf, cpuOfTree } from './process-cpu.ts';
import { median } from './statistics.ts';
import { StreamClient, send } from './stream-client.ts';

/**
 * What the embedded server costs beside its model: CPU of the server's process per token that reached a
 * reader, and of it and PostgreSQL per accepted request. The tiny model writes at the pace of a real one.
 */
export type PathBenchRow = { measure: string; median: number; least: number; most: number; unit: string };
/** `seconds`: of each measurement. `until`: no round begins after that time of `performance.now()`, save the first. */
export type PathBenchOptions = { rounds: number; seconds: number; until: number; log?: (line: string) => void };

const STREAMS = [8, 64] as const;
/** Of one stream: 20 tokens a second. */
const PACE_MS = 50;
/** All streams are to be under way before and after what is measured. */
const SPARE_SECONDS = 2;
const SENDERS = 16;
const USERS = 64;
const UNLIMITED = { RATE_LIMIT_REQUESTS_PER_MINUTE: 100_000_000, LOG_LEVEL: 'warn' };

type Sample = Readonly<Record<string, number>>;

export async function embeddedPathBench({ rounds, seconds, until, log }: PathBenchOptions): Promise<PathBenchRow[]> {
  const most = Math.max(...STREAMS);
  await using streaming = await EmbeddedServer.start({
    ...UNLIMITED,
    MAX_CONCURRENT: most * 2,
    ENGINE_CONTEXT_TOKENS: 2048,
    ENGINE_PACE_MS: PACE_MS,
  });
  // One slot, and a model that hardly moves: what is accepted stays queued.
  await using accepting = await EmbeddedServer.start({ ...UNLIMITED, MAX_CONCURRENT: 2, ENGINE_PACE_MS: 5_000 });
  await Promise.all([streaming.modelIsReady(), accepting.modelIsReady()]);
  const turns: (readonly [string, () => Promise<Sample>])[] = [
    ...STREAMS.map((streams) => [`${streams} streams`, () => stream(streaming, streams, seconds)] as const),
    [`${SENDERS} senders`, () => accept(accepting, seconds)],
  ];
  const samples = new Map<string, Sample[]>(turns.map(([name]) => [name, []]));
  // A first round warms code and caches, and does not count where there are more.
  for (let round = rounds === 1 ? 1 : 0; round <= rounds && (round < 2 || performance.now() < until); round += 1) {
    for (const [name, run] of round % 2 === 0 ? turns : turns.toReversed()) {
      const sample = await run();
      if (round === 0) continue;
      samples.get(name)!.push(sample);
      log?.(
        `round ${round}, ${name}: ${Object.entries(sample)
          .map(([what, value]) => `${what} ${value.toPrecision(3)}`)
          .join(', ')}`,
      );
    }
  }
  return [...samples].flatMap(([name, taken]) => Object.keys(taken[0]!).map((what) => summarise(name, what, taken)));
}

function summarise(name: string, measured: string, samples: readonly Sample[]): PathBenchRow {
  const values = samples.map((sample) => sample[measured]!);
  const [what, unit] = measured.split(' in ');
  return {
    measure: `${name}: ${what}`,
    median: median(values),
    least: Math.min(...values),
    most: Math.max(...values),
    unit: unit ?? '',
  };
}

/** From when every stream has begun: neither accepting nor storing is in it. */
async function stream(server: EmbeddedServer, streams: number, seconds: number): Promise<Sample> {
  const tokens = Math.ceil(((seconds + SPARE_SECONDS) * 1000) / PACE_MS);
  const clients = await Promise.all(
    Array.from({ length: streams }, async (_, n) => {
      const body = { user_id: `reader-${n}`, message: `Tell me of ship ${n}.`, max_tokens: tokens };
      return new StreamClient(server, (await send(server, 'POST', '/stream-chat', body)).correlation_id);
    }),
  );
  await Promise.all(clients.map(({ first }) => first));
  await sleep(500);
  const totals = () => clients.map(({ bytes, events }) => ({ bytes, events }));
  const before = { cpu: cpuOf(server.pid), at: performance.now(), totals: totals() };
  await sleep(seconds * 1000);
  const after = { cpu: cpuOf(server.pid), at: performance.now(), totals: totals() };
  await Promise.all(clients.map(({ end }) => end));
  let delivered = 0;
  let events = 0;
  for (const [index, { bytes }] of clients.entries()) {
    const share = (after.totals[index]!.bytes - before.totals[index]!.bytes) / bytes;
    delivered += share * tokens;
    events += after.totals[index]!.events - before.totals[index]!.events;
  }
  const cpu = after.cpu - before.cpu;
  return {
    'CPU of the server per delivered token in µs': cpu / delivered,
    'tokens delivered in tokens/s': (delivered * 1000) / (after.at - before.at),
    'tokens per event in tokens': delivered / events,
  };
}

/** As fast as this many callers get their acknowledgements; nothing of it runs. */
async function accept(server: EmbeddedServer, seconds: number): Promise<Sample> {
  const postmaster = server.postmasters()[0]!;
  const before = { cpu: cpuOf(server.pid), database: cpuOfTree(postmaster), at: performance.now() };
  const until = before.at + seconds * 1000;
  let accepted = 0;
  const times: number[] = [];
  const sendOn = async (sender: number) => {
    for (let n = 0; performance.now() < until; n += 1) {
      const began = performance.now();
      const user = `user-${(sender + n * SENDERS) % USERS}`;
      await send(server, 'POST', '/async-chat', { user_id: user, message: 'Tell me of the sea.' });
      times.push(performance.now() - began);
      accepted += 1;
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, (_, sender) => sendOn(sender)));
  const after = { cpu: cpuOf(server.pid), database: cpuOfTree(postmaster), at: performance.now() };
  const sorted = times.toSorted((a, b) => a - b);
  return {
    'accepted in requests/s': (accepted * 1000) / (after.at - before.at),
    'CPU of the server per request in µs': (after.cpu - before.cpu) / accepted,
    'CPU of PostgreSQL per request in µs': (after.database - before.database) / accepted,
    'time to the acknowledgement, median in ms': median(times),
    'time to the acknowledgement, 99th percentile in ms': sorted[Math.floor(sorted.length * 0.99)]!,
  };
}
