import type { MoveStep } from '../../src/adapters/postgres/move-carrier.ts';
import { moverOf } from './shards/simulated-moves.ts';
import type { World } from './world.ts';

const PACE_MS = { least: 50, most: 1_200 };
/** Past what its lock is worth: others go on with what it holds. */
const LONG_PAUSE_MS = { least: 16_000, most: 25_000 };
const SHORT_PAUSE_MS = { least: 20, most: 3_000 };

/** A process that moves whomever to wherever, as a rebalancing does, and may end or fall asleep after any step. */
export async function moveUsers(world: World, until: number): Promise<void> {
  const { scheduler, directory, shards } = world;
  const reached = world.newMover();
  const { process } = reached;
  const another = (ms: number) => scheduler.after(ms, () => void moveUsers(world, until));
  const onStep = async (step: MoveStep) => {
    world.count(`move ${step}`);
    if (scheduler.now > until) return;
    const chance = scheduler.random();
    if (chance < 0.03) {
      world.count(`mover killed when ${step}`);
      process.kill();
      another(scheduler.between(200, 1_500));
    } else if (chance < 0.04) {
      world.count(`mover paused for long when ${step}`);
      process.pause(scheduler.between(LONG_PAUSE_MS.least, LONG_PAUSE_MS.most));
      another(scheduler.between(200, 1_500));
    } else if (chance < 0.08) process.pause(scheduler.between(SHORT_PAUSE_MS.least, SHORT_PAUSE_MS.most));
    await process.step();
  };
  const mover = moverOf(reached, onStep);
  await mover.resume().catch(() => {});
  while (scheduler.now < until) {
    await process.step(scheduler.between(PACE_MS.least, PACE_MS.most));
    const users = [...directory.users.values()];
    if (users.length === 0) continue;
    const { userId, shard } = scheduler.pick(users);
    const target = scheduler.pick(shards.filter(({ id }) => id !== shard));
    await mover.move(userId, target.id).catch(() => {});
  }
}
