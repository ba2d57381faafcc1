import { setTimeout as sleep } from 'node:timers/promises';
import type { Asked } from './asked.ts';
import { Caller } from './caller.ts';
import { Counted } from './counted.ts';
import type { Fault } from './faults.ts';
import { FirstToken } from './first-token.ts';
import { type Happened, injure, type Stage } from './injure.ts';
import { People } from './people.ts';
import { Probes } from './probes.ts';
import { type Random, seededRandom } from './random.ts';
import { judge, type Verdict } from './verdict.ts';
import { World } from './world.ts';

export type RunOptions = {
  generations: number;
  people: number;
  seed: number;
  faults: readonly Fault[];
  /** How often each at least; more, until there are so many generations. */
  rounds: number;
  signal: AbortSignal;
  log(line: string): void;
};

export type RunResult = {
  /** The probes' are not among them. */
  generations: number;
  probes: number;
  answers: Record<string, number>;
  happened: Happened[];
  /** What the model server itself took to its first token; milliseconds, ascending. */
  firstToken: number[];
  /** Writes of an owner that had lost its row, and owners told so by their heartbeat. */
  fenced: number;
  leasesLost: number;
  takeovers: number;
  /** Null where the run was cut short. */
  verdict: Verdict | null;
};

const LEASE_MS = 4_000;
/** A free lock tells of a death only where the database has been seen up for three seconds: faults in turn wait that long. */
const LEAD_MS = 3_500;
const TOKENS = [15, 40, 80, 160, 400] as const;
/** Enough that there are some on every shard. */
const PROBES = ['probe-1', 'probe-2', 'probe-3', 'probe-4', 'probe-5'];

export async function runFaults(options: RunOptions): Promise<RunResult> {
  const { signal, log, seed } = options;
  await using world = await World.start(LEASE_MS, signal);
  await world.isHealthy();
  log('the cluster is up; people begin to ask');
  await using counted = new Counted(world.partsOf('worker').map(({ spec }) => spec.address!));
  await using firstToken = new FirstToken(world.upstream.spec.address!);
  const caller = new Caller(world.doors, seededRandom(seed + 2));
  const people = new People(caller, { people: options.people, tokens: TOKENS }, seededRandom(seed + 1));
  const probes = new Probes(caller, PROBES);
  const stage = { world, people, probes, caller, random: seededRandom(seed) };
  const happened: Happened[] = [];
  try {
    await happen(stage, options, happened);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    if (!signal.aborted) log('no more questions; the last are answered');
    signal.addEventListener('abort', () => void people.abandon(), { once: true });
    if (signal.aborted) void people.abandon();
    await Promise.all([people.leave(), probes.leave()]);
  }
  const counts = await counted.counts();
  const all = [...people.asked, ...probes.asked];
  log(signal.aborted ? 'cut short' : 'everything is compared');
  return {
    generations: people.asked.length,
    probes: probes.asked.length,
    answers: byWay(people.asked),
    happened,
    firstToken: firstToken.times.toSorted((a, b) => a - b),
    ...counts,
    verdict: signal.aborted ? null : withParts(await judge(world, all, blowsOf(happened)), happened),
  };
}

async function happen(stage: Stage, options: RunOptions, happened: Happened[]): Promise<void> {
  const { signal, log, rounds, generations } = options;
  const isOver = (round: number) => signal.aborted || (round >= rounds && stage.people.answered >= generations);
  for (let round = 0; !isOver(round); round++) {
    for (const fault of shuffled(options.faults, stage.random)) {
      await sleep(LEAD_MS, undefined, { signal });
      if (isOver(round)) return;
      const each = await injure(stage, fault, signal);
      happened.push(each);
      log(`${String(stage.people.answered).padStart(5)} answered · ${describe(each)}`);
    }
  }
}

const blowsOf = (happened: readonly Happened[]) => happened.flatMap(({ blows }) => blows);

function withParts(verdict: Verdict, happened: readonly Happened[]): Verdict {
  return { ...verdict, stuck: [...verdict.stuck, ...happened.flatMap(({ notStarted }) => notStarted)] };
}

function describe({ fault, stalls, readersMs, questionsMs, errors }: Happened): string {
  const figures = [
    `${stalls.length} readers, stall ${Math.round(Math.max(0, ...stalls))} ms at most`,
    `readers back after ${Math.round(readersMs)} ms, questions after ${Math.round(questionsMs)} ms`,
  ];
  if (errors.length > 0) figures.push(`${errors.length} errors: ${errors[0]}`);
  return `${fault}: ${figures.join('; ')}`;
}

function shuffled<T>(list: readonly T[], random: Random): T[] {
  const left = [...list];
  return list.map(() => left.splice(random.below(left.length), 1)[0]!);
}

function byWay(asked: readonly Asked[]): Record<string, number> {
  const counts: Record<string, number> = { stream: 0, async: 0, sync: 0, stopped: 0 };
  for (const { way, isStopped } of asked) counts[isStopped ? 'stopped' : way]!++;
  return counts;
}
