import type { Clock } from '../ports/clock.ts';
import type { ClaimOutcome, GenerationRef, Generations, OwnerId } from '../ports/generations.ts';

/** A broker redelivers sooner than a dead owner's lock is seen free: look again for this long. */
const PATIENCE_MS = [30, 60, 120, 240, 480, 960];

/** Claims, looking again with backoff where a moment may make the difference. */
export async function claimGeneration(
  ports: { generations: Generations; clock: Clock },
  ref: GenerationRef,
  owner: OwnerId,
): Promise<ClaimOutcome> {
  for (const patience of [...PATIENCE_MS, null]) {
    const outcome = await ports.generations.claim(ref, owner);
    const mayChange = ['owned', 'conversation-busy', 'moving'].includes(outcome.kind);
    if (!mayChange || patience === null) return outcome;
    await ports.clock.sleep(patience);
  }
  throw new Error('unreachable');
}
