import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { newId, type StoreHarness } from './harness.ts';

const UNLIMITED = { tokensPerDay: null, tokensPerMonth: null };

const sha256 = (key: string): Uint8Array => createHash('sha256').update(key).digest();

export function describeWorkspacesContract(store: () => StoreHarness): void {
  describe('workspaces', () => {
    test('a name is one workspace, however many ask at once', async () => {
      const { workspaces } = store().ports;
      const name = `team ${newId()}`;
      const made = await Promise.all(Array.from({ length: 8 }, () => workspaces.ensure(name)));
      expect(new Set(made.map((workspace) => workspace.id)).size).toBe(1);
      expect(made[0]).toEqual({ id: made[0]?.id, name });
      expect(await workspaces.ensure(name)).toEqual(made[0]);
      expect(await workspaces.find(name)).toEqual(made[0]);
      expect(await workspaces.find(`${name}, a third`)).toBeNull();
      expect((await workspaces.ensure(`${name}, another`)).id).not.toBe(made[0]?.id);
    });

    test('a key leads to its workspace, and an unknown one nowhere', async () => {
      const { workspaces } = store().ports;
      const one = await workspaces.ensure(`one ${newId()}`);
      const two = await workspaces.ensure(`two ${newId()}`);
      const [first, second, third] = [sha256(newId()), sha256(newId()), sha256(newId())] as const;
      await workspaces.addKey(one.id, 'laptop', first);
      await workspaces.addKey(one.id, 'server', second);
      await workspaces.addKey(two.id, 'server', third);
      expect(await workspaces.findByKey(first)).toEqual({ workspace: one, budget: UNLIMITED });
      expect(await workspaces.findByKey(second)).toMatchObject({ workspace: one });
      expect(await workspaces.findByKey(third)).toMatchObject({ workspace: two });
      expect(await workspaces.findByKey(sha256(newId()))).toBeNull();
      expect(await workspaces.findByKey(first.subarray(0, 31))).toBeNull();
    });

    test('a known key may be added again, and never moves to another workspace', async () => {
      const { workspaces } = store().ports;
      const one = await workspaces.ensure(`one ${newId()}`);
      const two = await workspaces.ensure(`two ${newId()}`);
      const key = sha256(newId());
      await Promise.all([1, 2, 3].map(() => workspaces.addKey(one.id, 'laptop', key)));
      await workspaces.addKey(one.id, 'another name', key);
      await expect(workspaces.addKey(two.id, 'laptop', key)).rejects.toThrow();
      expect(await workspaces.findByKey(key)).toMatchObject({ workspace: one });
    });

    test('keys are listed without being told, and a revoked one leads nowhere', async () => {
      const { workspaces } = store().ports;
      const one = await workspaces.ensure(`one ${newId()}`);
      const [laptop, server] = [sha256(newId()), sha256(newId())] as const;
      await workspaces.addKey(one.id, 'laptop', laptop);
      await workspaces.addKey(one.id, 'server', server);
      const listed = await workspaces.listKeys(one.name);
      expect(listed.map(({ name, workspace }) => [name, workspace])).toEqual([
        ['laptop', one.name],
        ['server', one.name],
      ]);
      expect(listed[0]!.id).toBe(Buffer.from(laptop).toString('hex').slice(0, 12));
      expect(listed[0]!.createdAt).toBeTypeOf('number');
      expect((await workspaces.listKeys()).map(({ id }) => id)).toEqual(expect.arrayContaining([listed[0]!.id]));
      expect(await workspaces.listKeys(`none ${newId()}`)).toEqual([]);

      expect(await workspaces.revokeKey(listed[0]!.id)).toEqual(listed[0]);
      expect(await workspaces.revokeKey(listed[0]!.id)).toBeNull();
      expect(await workspaces.findByKey(laptop)).toBeNull();
      expect(await workspaces.findByKey(server)).toMatchObject({ workspace: one });
      expect(await workspaces.listKeys(one.name)).toEqual([listed[1]]);
    });

    test('a key has budgets, each set by itself', async () => {
      const { workspaces } = store().ports;
      const one = await workspaces.ensure(`one ${newId()}`);
      const [key, other] = [sha256(newId()), sha256(newId())] as const;
      await workspaces.addKey(one.id, 'laptop', key);
      await workspaces.addKey(one.id, 'server', other);
      const { id } = (await workspaces.listKeys(one.name))[0]!;
      const limited = await workspaces.limitKey(id, { tokensPerDay: 1000, tokensPerMonth: 5_000_000_000 });
      expect(limited).toMatchObject({ id, budget: { tokensPerDay: 1000, tokensPerMonth: 5_000_000_000 } });
      expect(await workspaces.limitKey(id, { tokensPerDay: null })).toMatchObject({
        budget: { tokensPerDay: null, tokensPerMonth: 5_000_000_000 },
      });
      expect((await workspaces.findByKey(key))?.budget).toEqual({ tokensPerDay: null, tokensPerMonth: 5_000_000_000 });
      expect((await workspaces.findByKey(other))?.budget).toEqual(UNLIMITED);
      expect((await workspaces.listKeys(one.name)).map(({ budget }) => budget.tokensPerMonth)).toEqual([
        5_000_000_000,
        null,
      ]);
      expect(await workspaces.limitKey('0123456789ab', { tokensPerDay: 1 })).toBeNull();
    });
  });
}
