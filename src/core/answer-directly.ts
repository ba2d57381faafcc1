import type { Generation } from '../ports/generations.ts';
import { jobOf } from './dispatch.ts';
import type { Runner } from './runner.ts';

/** Runs an accepted generation in this process, skipping the queue; through its lane where that cannot be. */
export async function answerDirectly(runner: Runner, generation: Generation): Promise<void> {
  if (!(await runner.tryDirect(generation))) await runner.sendThroughLane(jobOf(generation));
}
