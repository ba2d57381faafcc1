import { expect, it } from 'vitest';
import { MemoryWaitingLine } from '../../src/adapters/memory/waiting-line.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import { ManualClock } from './manual-clock.ts';
import { each, waitingLineContract } from './waiting-line.contract.ts';

waitingLineContract('memory', async () => ({
  line: new MemoryWaitingLine(new SystemClock()),
  [Symbol.asyncDispose]: async () => {},
}));

it('measures the rate over the last minute and forgets what is older', async () => {
  const clock = new ManualClock();
  const line = new MemoryWaitingLine(clock);
  let ticket = await line.draw('chat', each(1000));
  for (let n = 0; n < 120; n++) {
    await clock.advance(1000);
    await line.serve('chat', ticket++, 10);
    await line.serve('chat', ticket++, 10);
  }
  expect((await line.look('chat')).ratePerSecond).toBeCloseTo(2, 1);
  await clock.advance(30_000);
  expect((await line.look('chat')).ratePerSecond).toBeCloseTo(1, 1);
  await clock.advance(31_000);
  expect(await line.look('chat')).toEqual({
    drawn: 1000,
    served: 240,
    ratePerSecond: null,
    tokensPerSecond: null,
    meanTokens: 10,
  });
});
