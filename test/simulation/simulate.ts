import { injectFaults } from './inject-faults.ts';
import { type Figures, findViolations } from './invariants.ts';
import { nobodyYet, send, type Told, talk } from './people.ts';
import type { Rule } from './rules.ts';
import { World } from './world.ts';

export type SimulationOptions = {
  faults: boolean;
  users: number;
  messages: number;
  /** Jobs that one more user queues at once. */
  hog: number;
  /** A rule of the protocol that is switched off, to see that the simulation notices. */
  without?: Rule;
};
export type Simulated = Figures & { seed: number };

const FAULTS_UNTIL_MS = 30_000;
/** Virtual time by which everything must have come to rest. */
const LIMIT_MS = 500_000;

/** One seed, from an empty deployment to rest. The same seed is the same run, to the last await. */
export async function simulate(seed: number, options: SimulationOptions): Promise<Simulated> {
  const world = new World(seed, options.without);
  const { scheduler } = world;
  const told = nobodyYet();
  let started = false;
  void world.start(2, 4).then(() => {
    started = true;
    if (options.faults) injectFaults(world, FAULTS_UNTIL_MS);
    people(world, options, told);
  });
  const atRest = () =>
    started &&
    told.sending === 0 &&
    scheduler.now > FAULTS_UNTIL_MS &&
    world.directory.moves.size === 0 &&
    world.readers.length === told.accepted.length &&
    world.readers.every((reader) => reader.ended) &&
    [...world.apis, ...world.workers].every(({ runner }) => runner.running === 0);
  await scheduler.run(LIMIT_MS, atRest);
  await scheduler.run(scheduler.now + 5_000, () => false);
  return { seed, ...(await findViolations(world, told)) };
}

function people(world: World, { users, messages, hog }: SimulationOptions, told: Told): void {
  const sending = (work: Promise<unknown>) => {
    told.sending += 1;
    void work.finally(() => {
      told.sending -= 1;
    });
  };
  for (let user = 0; user < users; user++) {
    sending(talk(world, `user-${user}`, messages, FAULTS_UNTIL_MS / messages, told));
  }
  for (let job = 0; job < hog; job++) {
    const key = `hog-${job}`;
    sending(
      send(
        world,
        { user: 'hog', number: null, key, request: { kind: 'message', content: `${key} says ${job}` } },
        told,
      ),
    );
  }
}
