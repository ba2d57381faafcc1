import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { UsageDimension } from '../../../src/ports/usage-reports.ts';
import { answer, ask, claimed, newOwner, newPerson, type Person, type StoreHarness, WINDOW } from './harness.ts';

const ALWAYS = { from: '2000-01-01', to: '2100-01-01' };

export function describeUsageContract(store: () => StoreHarness): void {
  describe('usage', () => {
    const finish = async (person: Person, keyId: string | null, change: Parameters<typeof answer>[0]) => {
      const { ports } = store();
      const params = { maxTokens: 64, ...(keyId !== null && { account: { keyId } }) };
      const owner = newOwner();
      const held = await claimed(ports, (await ask(ports, person, { params })).generation, owner);
      return await ports.generations.finish(held, owner, answer(change), WINDOW);
    };

    test('adds up by day, model and key, of one workspace and of one person in it', async () => {
      const { usage } = store().ports;
      const ada = await newPerson(store().ports);
      const bob = { ...(await newPerson(store().ports)), workspaceId: ada.workspaceId };
      bob.userId = await store().ports.directory.ensureUser(ada.workspaceId, bob.externalId);
      const foreign = await newPerson(store().ports);
      await finish(ada, 'a1', { facts: { cost: 0.5 } });
      await finish(ada, 'a1', { state: 'cancelled', facts: { cost: 0.25 } });
      await finish(ada, 'b2', { model: 'large' });
      await finish(bob, null, {});
      await finish(bob, null, { usage: null });
      await finish(foreign, 'a1', { facts: { cost: 9 } });

      const { workspaceId } = ada;
      const read = (by: readonly UsageDimension[], more: { userId?: string; keyId?: string } = {}) =>
        usage.read({ workspaceId, ...ALWAYS, by, ...more });
      const sum = (generations: number, cost = 0) => ({
        generations,
        promptTokens: 12 * generations,
        reusedTokens: 4 * generations,
        completionTokens: 3 * generations,
        cost,
      });
      const none = { day: null, model: null, key: null };
      expect(await read([])).toEqual([{ ...none, ...sum(4, 0.75) }]);
      expect(await read(['model', 'key'])).toEqual([
        { ...none, model: 'large', key: 'b2', ...sum(1) },
        { ...none, model: 'tiny', key: 'a1', ...sum(2, 0.75) },
        { ...none, model: 'tiny', key: null, ...sum(1) },
      ]);
      const [today] = await read(['day'], { userId: bob.userId });
      expect(today).toEqual({ ...none, day: expect.stringMatching(/^\d{4}-\d\d-\d\d$/), ...sum(1) });
      expect(await read([], { keyId: 'b2' })).toEqual([{ ...none, ...sum(1) }]);
      expect(await usage.read({ workspaceId, from: '2000-01-01', to: '2000-01-02', by: [] })).toEqual([]);
    });

    test('vectors are counted beside answers, for a user who is there', async () => {
      const { ports } = store();
      const { userId, workspaceId } = await newPerson(ports);
      const use = { workspaceId, keyId: 'a1', model: 'vectors', promptTokens: 7, cost: 0.25 };
      await ports.usage.countEmbedding(userId, use);
      await ports.usage.countEmbedding(userId, { ...use, keyId: null });
      await ports.usage.countEmbedding(userId, use);
      const read = (by: readonly UsageDimension[]) => ports.usage.read({ workspaceId, ...ALWAYS, by });
      const none = { day: null, generations: 0, reusedTokens: 0, completionTokens: 0 };
      expect(await read(['model', 'key'])).toEqual([
        { ...none, model: 'vectors', key: 'a1', promptTokens: 14, cost: 0.5 },
        { ...none, model: 'vectors', key: null, promptTokens: 7, cost: 0.25 },
      ]);
      const nobody = randomUUID();
      await ports.usage.countEmbedding(nobody, { ...use, workspaceId: nobody });
    });

    test('the receipt says what it cost', async () => {
      const person = await newPerson(store().ports);
      const finished = await finish(person, null, { facts: { cost: 0.125 } });
      expect(finished).toMatchObject({ generation: { receipt: { cost: 0.125 } } });
      const [without] = [await finish(person, null, {})];
      expect(without).toMatchObject({ generation: { receipt: { cost: null } } });
    });
  });
}
