import fc from 'fast-check';
import { test } from 'vitest';
import { GenerationWorld, PEOPLE, PROCESSES, type Step } from './generation-world.ts';

const index = (below: number) => fc.nat({ max: below - 1 });
const process = index(PROCESSES);
const person = index(PEOPLE);
/** Picks one of what there is at that moment. */
const pick = fc.nat({ max: 1_000 });
const times = fc.constantFrom(1, 100, 1_000, 3_100, 5_100, 15_100, 60_000);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('ask'), person, into: pick, direct: fc.boolean() }) },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('claim'), process, pick }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('heartbeat'), process }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('finish'), process, pick, failed: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('release'), process, pick, delayMs: times }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('drain'), process, pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('raise'), process, pick, above: index(9) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('stop'), pick }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('dispatch'), person }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('sweep'), process, queueLost: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('kill'), process, noticedAfterMs: fc.constantFrom(0, 500) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart'), retakenAfterMs: fc.constantFrom(0, 2_000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('replay'), pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove'), person, pick }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('advance'), ms: times }) },
);

test('whatever several processes do in whatever order, each generation ends once, with one message', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 120, size: 'max' }), async (steps) => {
      const world = await GenerationWorld.make();
      for (const each of steps) {
        await world.take(each);
        await world.check();
      }
      await world.recover();
      await world.check();
    }),
    { numRuns: 300 },
  );
});
