import { describe, expect, test } from 'vitest';
import { newId, type StoreHarness } from './harness.ts';

export function describeDirectoryContract(store: () => StoreHarness): void {
  describe('directory', () => {
    test('an external id is one user within its workspace, however many ask at once', async () => {
      const { directory, workspaces } = store().ports;
      const workspace = await workspaces.ensure(`workspace ${newId()}`);
      const ids = await Promise.all(Array.from({ length: 8 }, () => directory.ensureUser(workspace.id, 'maria')));
      expect(new Set(ids).size).toBe(1);
      expect(await directory.findUser(workspace.id, 'maria')).toBe(ids[0]);
      expect(await directory.ensureUser(workspace.id, 'maria')).toBe(ids[0]);
    });

    test('is exact about external ids, whatever they hold', async () => {
      const { directory, workspaces } = store().ports;
      const workspace = await workspaces.ensure(`workspace ${newId()}`);
      const names = [
        'maria',
        'Maria',
        ' maria',
        'maria ',
        'maría',
        "m'; drop table users; --",
        '🦆🦆🦆',
        'x'.repeat(50),
      ];
      const ids = [];
      for (const name of names) ids.push(await directory.ensureUser(workspace.id, name));
      expect(new Set(ids).size).toBe(names.length);
      for (const [index, name] of names.entries()) {
        expect(await directory.findUser(workspace.id, name)).toBe(ids[index]);
      }
    });

    test('does not know strangers, nor users of another workspace', async () => {
      const { directory, workspaces } = store().ports;
      const one = await workspaces.ensure(`one ${newId()}`);
      const two = await workspaces.ensure(`two ${newId()}`);
      const inOne = await directory.ensureUser(one.id, 'sam');
      expect(await directory.findUser(two.id, 'sam')).toBeNull();
      expect(await directory.findUser(one.id, 'nobody')).toBeNull();
      expect(await directory.ensureUser(two.id, 'sam')).not.toBe(inOne);
    });
  });
}
