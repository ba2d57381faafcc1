import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Part } from '../../../src/roles/cluster/part.ts';
import type { Random } from './random.ts';
import { killShards, runShards } from './shards-command.ts';
import { SHARDS, type World } from './world.ts';

/** What a fault is given, and tells of itself. */
export type Scene = {
  world: World;
  random: Random;
  /** Says who is about to be hit: the readers of these are those whom the fault concerns. */
  hits(...parts: readonly Part[]): Promise<void>;
  /** Everything that was down takes connections again; the time to recover counts from here. */
  up(): void;
  /** Once more where it did not start, as any supervisor would; that it did not is held against it. */
  start(part: Part): Promise<void>;
  /** Generations that a worker held when it was paused and did not hold when it woke. */
  tookFromPaused(count: number): void;
};

export type Goal =
  /** `beside`: of the model's own first token, which comes on top. */
  | { what: 'stall p95'; limitMs: number; beside: 'first token' }
  | { what: 'stall'; limitMs: number }
  | { what: 'recovery'; limitMs: number }
  | { what: 'no error' };

export type Fault = { name: string; goal: Goal | null; happen(scene: Scene): Promise<void> };

const DOWN_MS = 700;
const RESTART: Goal = { what: 'recovery', limitMs: 5_000 };
const NO_ERROR: Goal = { what: 'no error' };

const isProcess = ({ spec }: Part) => spec.kind === 'api' || spec.kind === 'worker';

/** `wipe`: what is deleted while they are down. */
async function killAndStart(scene: Scene, parts: readonly Part[], wipe: readonly string[] = []): Promise<void> {
  await scene.hits(...parts);
  await Promise.all(parts.map((part) => part.kill()));
  const servers = parts.filter((part) => !isProcess(part));
  // Others of its kind are there: nothing has to come back first.
  if (servers.length === 0) scene.up();
  for (const path of wipe) await rm(path, { recursive: true, force: true });
  await sleep(DOWN_MS);
  const started = parts.map((part) => scene.start(part));
  await Promise.all(started.filter((_, n) => !isProcess(parts[n]!)));
  if (servers.length > 0) scene.up();
  await Promise.all(started);
}

const oneOf = ({ world, random }: Scene, kind: 'api' | 'worker') => random.pick(world.partsOf(kind));
const primary = ({ world, random }: Scene) => world.part(random.pick(SHARDS));
const kill =
  (choose: (scene: Scene) => readonly Part[]) =>
  (scene: Scene): Promise<void> =>
    killAndStart(scene, choose(scene));
const named = (name: string) => kill(({ world }) => [world.part(name)]);

async function leaveAndReturn(scene: Scene, kind: 'api' | 'worker'): Promise<void> {
  const part = oneOf(scene, kind);
  await scene.hits(part);
  scene.up();
  await part.stop();
  await scene.start(part);
}

async function pausePastLease(scene: Scene): Promise<void> {
  const { world } = scene;
  const worker = oneOf(scene, 'worker');
  await scene.hits(worker);
  const held = await world.runningAt([worker]);
  worker.signal('SIGSTOP');
  scene.up();
  await sleep(world.leaseMs * 2);
  const text = 'SELECT id, epoch FROM generations WHERE id = ANY ($1)';
  const now = await world.sql<{ id: string; epoch: number }>(text, [held.map(({ id }) => id)]);
  worker.signal('SIGCONT');
  scene.tookFromPaused(held.filter(({ id, epoch }) => now.some((row) => row.id === id && row.epoch > epoch)).length);
}

/** Everybody is moved off a shard and back, each time by a mover that is killed and by another that goes on. */
async function moveEverybody(scene: Scene): Promise<void> {
  const { world } = scene;
  const [, name] = SHARDS;
  scene.up();
  await killShards(world, 'drain', name);
  await runShards(world, 'drain', name);
  await runShards(world, 'add', name, world.part(name).spec.address!);
  await killShards(world, 'rebalance');
  await runShards(world, 'rebalance');
}

const KILLABLE = ['rabbitmq', 'redis-state', 'redis-cache', ...SHARDS, 'api-1', 'api-2', 'worker-1', 'worker-2'];

function twoAtRandom({ world, random }: Scene): Part[] {
  const first = random.pick(KILLABLE);
  const second = random.pick(KILLABLE.filter((name) => name !== first));
  return [world.part(first), world.part(second)];
}

export const FAULTS: readonly Fault[] = [
  {
    name: 'nothing, for comparison',
    goal: null,
    async happen({ up }) {
      up();
      await sleep(DOWN_MS);
    },
  },
  {
    name: 'worker killed',
    goal: { what: 'stall p95', limitMs: 1_000, beside: 'first token' },
    happen: kill((scene) => [oneOf(scene, 'worker')]),
  },
  { name: 'API killed', goal: { what: 'stall', limitMs: 3_000 }, happen: kill((scene) => [oneOf(scene, 'api')]) },
  { name: 'model server killed', goal: null, happen: kill(({ world }) => [world.upstream]) },
  { name: 'RabbitMQ killed', goal: RESTART, happen: named('rabbitmq') },
  {
    name: 'RabbitMQ lost with its data',
    goal: RESTART,
    happen: (scene) =>
      killAndStart(scene, [scene.world.part('rabbitmq')], [join(scene.world.cluster.folder, 'rabbitmq', 'mnesia')]),
  },
  { name: 'Redis state killed', goal: RESTART, happen: named('redis-state') },
  {
    name: 'Redis state lost with its data',
    goal: RESTART,
    happen: (scene) =>
      killAndStart(
        scene,
        [scene.world.part('redis-state')],
        [join(scene.world.cluster.folder, 'redis-state', 'appendonlydir')],
      ),
  },
  { name: 'Redis cache killed', goal: NO_ERROR, happen: named('redis-cache') },
  { name: 'PostgreSQL primary killed', goal: RESTART, happen: kill((scene) => [primary(scene)]) },
  { name: 'PostgreSQL replica killed', goal: NO_ERROR, happen: named('shard-1-replica') },
  { name: 'movers killed', goal: NO_ERROR, happen: moveEverybody },
  { name: 'worker paused past its lease', goal: null, happen: pausePastLease },
  { name: 'API told to leave', goal: NO_ERROR, happen: (scene) => leaveAndReturn(scene, 'api') },
  { name: 'worker told to leave', goal: NO_ERROR, happen: (scene) => leaveAndReturn(scene, 'worker') },
  {
    name: 'NGINX reloaded',
    goal: NO_ERROR,
    async happen({ world, up }) {
      world.part('nginx').signal('SIGHUP');
      up();
      await sleep(DOWN_MS);
    },
  },
  {
    name: 'worker and RabbitMQ killed',
    goal: RESTART,
    happen: kill((scene) => [oneOf(scene, 'worker'), scene.world.part('rabbitmq')]),
  },
  {
    name: 'API and Redis state killed',
    goal: RESTART,
    happen: kill((scene) => [oneOf(scene, 'api'), scene.world.part('redis-state')]),
  },
  {
    name: 'worker and PostgreSQL killed',
    goal: RESTART,
    happen: kill((scene) => [oneOf(scene, 'worker'), primary(scene)]),
  },
  { name: 'two at random killed', goal: null, happen: kill(twoAtRandom) },
];
