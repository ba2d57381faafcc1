import { describe, expect, onTestFinished, test } from 'vitest';
import { answered, ask, claimed, livingOwner, newOwner, newPerson, type StoreHarness, sweepFor } from './harness.ts';

/** Last of the suites: a restart concerns everybody in the database. */
export function describeRestartContract(store: () => StoreHarness): void {
  describe('a restart of the database', () => {
    test('keeps what was stored, and takes nothing from living owners', async () => {
      const { ports, advance, restartDatabase, timings } = store();
      const person = await newPerson(ports);
      const done = await answered(ports, person);
      const { generation } = await ask(ports, person);
      const owner = await livingOwner(ports, onTestFinished);
      const held = await claimed(ports, generation, owner);

      await restartDatabase();
      expect(await ports.generations.find(done.id)).toEqual(done);
      expect(await ports.generations.claim(generation, newOwner())).toEqual({ kind: 'owned', owner });
      expect((await sweepFor(ports, person)).stalled).toEqual([]);

      await advance(timings.trustAfterMs + 1);
      expect(await ports.generations.heartbeat(owner, [held])).toEqual(new Map([[held.id, 'held']]));
      expect(await ports.generations.claim(generation, newOwner())).toEqual({ kind: 'owned', owner });
    });

    test('does not hide a death for longer than the trust takes', async () => {
      const { ports, advance, restartDatabase, killOwner, timings } = store();
      const person = await newPerson(ports);
      const { generation } = await ask(ports, person);
      const dead = await livingOwner(ports, onTestFinished);
      await claimed(ports, generation, dead);
      await killOwner(dead);
      await restartDatabase();
      expect(await ports.generations.claim(generation, newOwner())).toEqual({ kind: 'owned', owner: dead });
      await advance(timings.trustAfterMs + 1);
      expect((await sweepFor(ports, person)).stalled).toEqual([generation.id]);
      expect((await ports.generations.claim(generation, newOwner())).kind).toBe('claimed');
    });

    test('does not let a lease that lapsed meanwhile be taken before its owner could renew it', async () => {
      const { ports, advance, restartDatabase, timings } = store();
      const person = await newPerson(ports);
      const { generation } = await ask(ports, person);
      const owner = await livingOwner(ports, onTestFinished);
      const held = await claimed(ports, generation, owner);
      await advance(timings.leaseMs + 1);
      await restartDatabase();
      expect(await ports.generations.claim(generation, newOwner())).toEqual({ kind: 'owned', owner });
      expect(await ports.generations.heartbeat(owner, [held])).toEqual(new Map([[held.id, 'held']]));
      await advance(timings.leaseMs + 1);
      expect((await ports.generations.claim(generation, newOwner())).kind).toBe('claimed');
    });
  });
}
