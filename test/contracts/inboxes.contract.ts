import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Inboxes, InboxMessage } from '../../src/ports/inboxes.ts';

export type InboxesHarness = AsyncDisposable & { inboxes: Inboxes };

/** Far more than any backend needs; what is awaited ends long before. */
const PATIENCE_MS = 20_000;

export function inboxesContract(name: string, start: () => Promise<InboxesHarness>): void {
  describe(`inboxes: ${name}`, () => {
    let harness: InboxesHarness;
    let inboxes: Inboxes;
    const message: InboxMessage = { kind: 'stop', id: randomUUID() };

    beforeEach(async () => {
      harness = await start();
      inboxes = harness.inboxes;
    });
    afterEach(() => harness[Symbol.asyncDispose]());

    it('tells the one it is for, and answers once that one has acted', async () => {
      const heard: [string, InboxMessage][] = [];
      let acted = false;
      await using _a = await inboxes.listen('a', async (told) => {
        heard.push(['a', told]);
        await new Promise(setImmediate);
        acted = true;
        return true;
      });
      await using _b = await inboxes.listen('b', async (told) => {
        heard.push(['b', told]);
        return true;
      });
      expect(await inboxes.tell('a', message, PATIENCE_MS)).toBe(true);
      expect(acted).toBe(true);
      expect(heard).toEqual([['a', message]]);
    });

    it('answers false where the message meant nothing to the process, or acting failed', async () => {
      await using _a = await inboxes.listen('a', async () => false);
      await using _b = await inboxes.listen('b', async () => {
        throw new Error('cannot');
      });
      expect(await inboxes.tell('a', message, PATIENCE_MS)).toBe(false);
      expect(await inboxes.tell('b', message, PATIENCE_MS)).toBe(false);
    });

    it('answers false where nobody listens, or no longer', async () => {
      expect(await inboxes.tell('nobody', message, 200)).toBe(false);
      const listening = await inboxes.listen('a', async () => true);
      await listening[Symbol.asyncDispose]();
      expect(await inboxes.tell('a', message, 200)).toBe(false);
    });

    it('answers false after the time where the process does not answer', async () => {
      let release = (_: boolean) => {};
      await using _a = await inboxes.listen('a', () => new Promise<boolean>((resolve) => (release = resolve)));
      expect(await inboxes.tell('a', message, 100)).toBe(false);
      release(true);
    });

    it('carries many at once, each with its own answer', async () => {
      const ids = Array.from({ length: 50 }, () => randomUUID());
      const known = new Set<string>(ids.filter((_, n) => n % 3 === 0));
      await using _a = await inboxes.listen('a', async ({ id }) => known.has(id));
      const answers = await Promise.all(ids.map((id) => inboxes.tell('a', { kind: 'stop', id }, PATIENCE_MS)));
      expect(answers).toEqual(ids.map((id) => known.has(id)));
    });
  });
}
