import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WaitingLine } from '../../src/ports/waiting-line.ts';
import { pause, until } from './until.ts';

export type WaitingLineHarness = AsyncDisposable & { line: WaitingLine; loseAll?(): Promise<void> };

/** So many tickets, of ten tokens each. */
export const each = (count: number): number[] => Array(count).fill(10);

export function waitingLineContract(name: string, start: () => Promise<WaitingLineHarness>): void {
  describe(`waiting line: ${name}`, () => {
    let harness: WaitingLineHarness;
    let line: WaitingLine;

    beforeEach(async () => {
      harness = await start();
      line = harness.line;
    });
    afterEach(() => harness[Symbol.asyncDispose]());

    it('begins with nothing known', async () => {
      expect(await line.look('chat')).toEqual({
        drawn: 0,
        served: 0,
        ratePerSecond: null,
        tokensPerSecond: null,
        meanTokens: null,
      });
    });

    it('draws consecutive tickets, to each caller its own', async () => {
      expect(await line.draw('chat', each(1))).toBe(1);
      expect(await line.draw('chat', each(3))).toBe(2);
      expect(await line.draw('chat', each(1))).toBe(5);
      const firsts = await Promise.all(Array.from({ length: 20 }, () => line.draw('chat', each(2))));
      expect(firsts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => 6 + 2 * n));
      expect((await line.look('chat')).drawn).toBe(45);
    });

    it('knows the highest ticket served, in whatever order they are', async () => {
      await line.draw('chat', each(10));
      for (const ticket of [2, 7, 3]) await line.serve('chat', ticket, 10);
      expect(await line.look('chat')).toMatchObject({ drawn: 10, served: 7 });
    });

    it('keeps lanes apart', async () => {
      await line.draw('stream', each(4));
      await line.serve('stream', 2, 10);
      expect(await line.look('chat')).toEqual({
        drawn: 0,
        served: 0,
        ratePerSecond: null,
        tokensPerSecond: null,
        meanTokens: null,
      });
      expect(await line.draw('batch', each(1))).toBe(1);
    });

    it('has never served more than it has drawn, also with tickets from before a loss', async () => {
      await line.serve('chat', 500, 10);
      expect(await line.look('chat')).toMatchObject({ drawn: 500, served: 500 });
      expect(await line.draw('chat', each(1))).toBe(501);
    });

    it('learns the tokens of what waits, and of what is served in a second', async () => {
      await line.draw('chat', [100, null, 100]);
      expect((await line.look('chat')).meanTokens).toBe(100);
      await line.draw('chat', Array(200).fill(10));
      expect((await line.look('chat')).meanTokens).toBeCloseTo(10, 1);
      await line.serve('chat', 1, 40);
      await pause(600);
      await line.serve('chat', 2, 20);
      const { ratePerSecond, tokensPerSecond } = await line.look('chat');
      expect(tokensPerSecond! / ratePerSecond!).toBeCloseTo(30, 3);
    });

    it('learns a rate from what is served', async () => {
      const first = await line.draw('chat', each(8));
      await line.serve('chat', first, 10);
      expect((await line.look('chat')).ratePerSecond).toBeNull();
      for (let n = 1; n < 8; n++) {
        await pause(150);
        await line.serve('chat', first + n, 10);
      }
      await until(async () => ((await line.look('chat')).ratePerSecond ?? 0) > 0);
      expect((await line.look('chat')).ratePerSecond).toBeLessThan(20);
    });
  });
}
