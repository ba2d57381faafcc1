import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MemoryTokenLog } from '../../src/adapters/memory/token-log.ts';
import type { Ending, OpenHow, TokenLog } from '../../src/ports/token-log.ts';
import { startRedis } from '../support/redis.ts';
import { redisTokenLogHarness } from './redis-token-log-harness.ts';

const ENDING: Ending = {
  finishReason: 'stop',
  usage: { promptTokens: 1, reusedTokens: 0, completionTokens: 1 },
  model: 'm',
};

const text = fc.string({ unit: fc.constantFrom('a', 'ß', '中', '😀', '\n', '\0'), maxLength: 4 });
const epoch = fc.integer({ min: 1, max: 6 });
const near = fc.constantFrom(0, 0, 0, 0, -1, 1);
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('open' as const),
      epoch,
      how: fc.constantFrom('continue' as const, 'fresh' as const, 'restore' as const),
      text,
      reasoning: text,
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      epoch: fc.option(epoch),
      off: near,
      offThought: near,
      text,
      reasoning: text,
      ending: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('attach' as const),
      epoch: fc.nat(7),
      text: fc.nat(9),
      reasoning: fc.nat(9),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const), epoch }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What the log answers to one step; appends go where `standing` says that it ends, or beside. */
async function answer(
  log: TokenLog,
  id: string,
  one: Step,
  standing: Awaited<ReturnType<typeof look>>,
): Promise<unknown> {
  if (one.do === 'remove') return log.remove(id);
  if (one.do === 'close') return log.close(id, one.epoch);
  if (one.do === 'attach') return look(log, id, one);
  if (one.do === 'open') {
    const outcome = await log.open(id, one.epoch, howOf(one));
    return outcome.kind === 'opened'
      ? { ...outcome, text: hex(outcome.text), reasoning: hex(outcome.reasoning) }
      : outcome;
  }
  const at = { text: standing?.length.text ?? 0, reasoning: standing?.length.reasoning ?? 0 };
  const where = { text: Math.max(0, at.text + one.off), reasoning: Math.max(0, at.reasoning + one.offThought) };
  const [outcome] = await log.append([
    {
      id,
      epoch: one.epoch ?? standing?.epoch ?? 1,
      at: where,
      text: Buffer.from(one.text),
      reasoning: Buffer.from(one.reasoning),
      ...(one.ending && { ending: ENDING }),
    },
  ]);
  // Readers that have just left are counted for a moment longer.
  return outcome?.kind === 'appended' ? outcome.kind : outcome;
}

function howOf(one: Step & { do: 'open' }): OpenHow {
  if (one.how !== 'restore') return { kind: one.how };
  const epochs = [{ epoch: one.epoch, at: { text: 0, reasoning: 0 } }];
  return { kind: 'restore', text: Buffer.from(one.text), reasoning: Buffer.from(one.reasoning), epochs };
}

async function look(log: TokenLog, id: string, from = { epoch: 0, text: 0, reasoning: 0 }) {
  const cursor = { epoch: from.epoch, at: { text: from.text, reasoning: from.reasoning } };
  const { snapshot, detach } = await log.attach(id, cursor, () => {});
  detach();
  if (!snapshot) return null;
  const length = { text: snapshot.text.length, reasoning: snapshot.reasoning.length };
  return { ...snapshot, text: hex(snapshot.text), reasoning: hex(snapshot.reasoning), length };
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

it('agrees with the log in memory on every outcome', async () => {
  await using redis = await startRedis();
  await using harness = await redisTokenLogHarness(redis);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30, size: 'max' }), async (steps) => {
      const [memory, id] = [new MemoryTokenLog(), randomUUID()];
      for (const one of steps) {
        const standing = await look(memory, id);
        expect(await answer(harness.log, id, one, standing)).toEqual(await answer(memory, id, one, standing));
        expect(await look(harness.log, id)).toEqual(await look(memory, id));
      }
      await harness.log.remove(id);
    }),
    { numRuns: 60 },
  );
});
