import type { MemoryInboxes } from '../../src/adapters/memory/inboxes.ts';
import type { Inboxes } from '../../src/ports/inboxes.ts';
import type { WaitingLine } from '../../src/ports/waiting-line.ts';
import type { Lane } from '../../src/protocol/generation.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** What is small and lives beside the logs, as one simulated process reaches it. */

export type Letters = {
  inboxes: MemoryInboxes;
  /** Chance that a letter, or its answer, is lost. */
  lost: number;
  /** Nobody hears anything. */
  isDown: boolean;
};

export function reachInboxes(process: SimulatedProcess, letters: Letters): Inboxes {
  const { inboxes } = letters;
  return {
    async tell(owner, message, timeoutMs) {
      await process.step();
      const isLost = letters.isDown || process.chance(letters.lost);
      const isUnread = letters.isDown || (isLost && process.chance(0.5));
      const acted = isUnread ? false : await inboxes.tell(owner, message, timeoutMs);
      await process.step(isLost ? timeoutMs : undefined);
      return acted && !isLost;
    },
    async listen(owner, act) {
      await process.step();
      return await inboxes.listen(owner, async (message) => {
        await process.step();
        return await act(message);
      });
    },
  };
}

export type Line = { current: WaitingLine; isDown: boolean };

/** As RedisWaitingLine: while it is away, tickets go on from the highest that this process has seen. */
const UNKNOWN = { ratePerSecond: null, tokensPerSecond: null, meanTokens: null };

export function reachLine(process: SimulatedProcess, line: Line): WaitingLine {
  const seen: Record<Lane, { drawn: number; served: number }> = {
    stream: { drawn: 0, served: 0 },
    chat: { drawn: 0, served: 0 },
    batch: { drawn: 0, served: 0 },
  };
  return {
    async draw(lane, tokens) {
      await process.step();
      const first = line.isDown ? seen[lane].drawn + 1 : await line.current.draw(lane, tokens);
      seen[lane].drawn = Math.max(seen[lane].drawn, first + tokens.length - 1);
      await process.step();
      return first;
    },
    async serve(lane, ticket, tokens) {
      seen[lane].served = Math.max(seen[lane].served, ticket);
      seen[lane].drawn = Math.max(seen[lane].drawn, ticket);
      await process.step();
      if (!line.isDown) await line.current.serve(lane, ticket, tokens);
      await process.step();
    },
    async look(lane) {
      await process.step();
      const view = line.isDown ? { ...seen[lane], ...UNKNOWN } : await line.current.look(lane);
      seen[lane].drawn = Math.max(seen[lane].drawn, view.drawn);
      await process.step();
      return view;
    },
  };
}
