import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Part } from '../../../src/roles/cluster/part.ts';
import type { Asked } from './asked.ts';
import type { Caller } from './caller.ts';
import type { Fault, Scene } from './faults.ts';
import type { People } from './people.ts';
import type { Probes } from './probes.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** One fault that was; milliseconds. */
export type Happened = {
  fault: string;
  /** When parts were hit; Unix milliseconds. */
  blows: number[];
  /** Of each reader whom it concerns: the longest silence. */
  stalls: number[];
  /** From when everything takes connections again until each reader of then has text or its end. */
  readersMs: number;
  /** From the same moment until somebody of every shard has text of a question asked after it. */
  questionsMs: number;
  errors: string[];
  takenFromPaused: number;
  /** What did not start at the first go; a line and its log's end each. */
  notStarted: string[];
  load: number;
};

export type Stage = { world: World; people: People; probes: Probes; caller: Caller; random: Random };

const PATIENCE_MS = 60_000;
const LOOK_MS = 10;

export async function injure(stage: Stage, fault: Fault, signal: AbortSignal): Promise<Happened> {
  const { world, people, caller } = stage;
  const began = performance.now();
  let live = people.live;
  let connections = new Map<Asked, number>();
  const hit = new Set<Part>();
  const held = new Set<string>();
  let upAt = began;
  let takenFromPaused = 0;
  const notStarted: string[] = [];
  const blows: number[] = [];
  const scene: Scene = {
    world,
    random: stage.random,
    async hits(...parts) {
      const workers = parts.filter(({ spec }) => spec.kind === 'worker');
      if (workers.length > 0) for (const { id } of await world.runningAt(workers)) held.add(id);
      for (const part of parts) hit.add(part);
      live = people.live;
      connections = new Map(live.map((asked) => [asked, asked.connections]));
      blows.push(Date.now());
    },
    up() {
      upAt = performance.now();
    },
    async start(part) {
      try {
        await part.start();
      } catch (error) {
        notStarted.push(`${fault.name}: ${(error as Error).message}`);
        await part.start();
      }
    },
    tookFromPaused(count) {
      takenFromPaused += count;
    },
  };
  await fault.happen(scene);
  const times = await recovered(stage, live, upAt, signal);
  const end = performance.now();
  const isConcerned = concern([...hit], held, connections, began);
  return {
    fault: fault.name,
    blows,
    stalls: live
      .filter((asked) => asked.lastArrival !== null && isConcerned(asked))
      .map((asked) => asked.longestSilence(began, end)),
    ...times,
    errors: caller.errors.filter(({ at }) => at >= began && at <= end).map(({ what }) => what),
    takenFromPaused,
    notStarted,
    load: loadavg()[0]!,
  };
}

/** Of a worker, those whose answers it ran; of an API, those whose connection broke; else everybody. */
function concern(hit: readonly Part[], held: ReadonlySet<string>, before: ReadonlyMap<Asked, number>, began: number) {
  const isAll = hit.every(({ spec }) => spec.kind !== 'worker' && spec.kind !== 'api');
  const broke = (asked: Asked) => asked.connections > (before.get(asked) ?? 0) && asked.droppedAt < began;
  const isApi = hit.some(({ spec }) => spec.kind === 'api');
  return (asked: Asked) => isAll || held.has(asked.id!) || (isApi && broke(asked));
}

/** Waits until it is so, and says when it was: also while the fault went on with what nobody waits for. */
async function recovered({ probes }: Stage, live: readonly Asked[], upAt: number, signal: AbortSignal) {
  const last = performance.now() + PATIENCE_MS;
  const backAt = (): (number | null)[] => [
    ...live.map((asked) => asked.arrivals.find((at) => at >= upAt) ?? asked.endedAt),
    probes.answeredAt(upAt),
  ];
  while (backAt().includes(null) && performance.now() < last && !signal.aborted) await sleep(LOOK_MS);
  const since = backAt().map((at) => Math.max(0, (at ?? performance.now()) - upAt));
  return { readersMs: Math.max(0, ...since.slice(0, -1)), questionsMs: since.at(-1)! };
}
