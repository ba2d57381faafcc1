import { createHash, randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { SESSION_IDLE_MS, SESSION_LONGEST_MS, type Sessions } from '../../src/ports/sessions.ts';

export type SessionsHarness = AsyncDisposable & {
  sessions: Sessions;
  /** Another process that shares them; the same where they are kept in one. */
  elsewhere: Sessions;
  /** As far as the sessions can tell. */
  pass(ms: number): Promise<void>;
};

const sha256 = () => createHash('sha256').update(randomUUID()).digest();

export function sessionsContract(name: string, open: () => Promise<SessionsHarness>): void {
  describe(`sessions: ${name}`, () => {
    test('a token leads to its key, also elsewhere, until it is closed', async () => {
      await using harness = await open();
      const { sessions, elsewhere } = harness;
      const [one, two] = [sha256(), sha256()];
      const first = await sessions.open(one);
      const second = await sessions.open(two);
      expect(first).not.toBe(second);
      expect(first).toMatch(/^[\w-]{32,}$/);
      expect(Buffer.from((await elsewhere.find(first))!)).toEqual(one);
      expect(Buffer.from((await sessions.find(second))!)).toEqual(two);
      await elsewhere.close(first);
      expect(await sessions.find(first)).toBeNull();
      expect(Buffer.from((await elsewhere.find(second))!)).toEqual(two);
    });

    test('an unknown one leads nowhere, and may be closed', async () => {
      await using harness = await open();
      for (const token of ['', 'unknown', '../..', 'x'.repeat(10_000)]) {
        expect(await harness.sessions.find(token)).toBeNull();
        await harness.sessions.close(token);
      }
    });

    test('it ends when it is not used, and however much it is used in the end', async () => {
      await using harness = await open();
      const { sessions, pass } = harness;
      const idle = await sessions.open(sha256());
      const used = await sessions.open(sha256());
      const step = SESSION_IDLE_MS / 2 + 1000;
      for (let passed = 0; passed < SESSION_LONGEST_MS - step; passed += step) {
        await pass(step);
        expect(await sessions.find(used)).not.toBeNull();
      }
      expect(await sessions.find(idle)).toBeNull();
      await pass(step);
      expect(await sessions.find(used)).toBeNull();
    });
  });
}
