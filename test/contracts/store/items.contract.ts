import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { ItemInput } from '../../../src/ports/user-items.ts';
import { pause } from '../until.ts';
import { answered, ask, newPerson, type StoreHarness } from './harness.ts';

const folder = (name: string): ItemInput => ({ id: randomUUID(), kind: 'folder', name });
const MOST = 10;

export function describeItemsContract(store: () => StoreHarness): void {
  describe('items', () => {
    test('are listed oldest first, changed in place, and are nobody else’s', async () => {
      const { items, ...ports } = store().ports;
      const person = await newPerson({ items, ...ports });
      const other = await newPerson({ items, ...ports });
      const thesis = folder('Thesis');
      const assistant: ItemInput = {
        id: randomUUID(),
        kind: 'assistant',
        name: 'Tutor',
        greeting: 'Hello',
        settings: { systemPrompt: 'Be brief.', temperature: 0.2 },
      };
      await items.put(person.userId, thesis, MOST);
      // Times are whole milliseconds.
      await pause(2);
      await items.put(person.userId, assistant, MOST);
      await items.put(person.userId, { ...thesis, kind: 'folder', name: 'Book' }, MOST);
      expect(await items.list(person.userId)).toMatchObject([{ ...thesis, name: 'Book' }, assistant]);
      expect(await items.list(other.userId)).toEqual([]);
      expect(await items.remove(other.userId, thesis.id)).toBe(false);
      expect(await items.remove(person.userId, thesis.id)).toBe(true);
      expect(await items.list(person.userId)).toMatchObject([assistant]);
    });

    test('are bounded by kind, and keep theirs', async () => {
      const { items, ...ports } = store().ports;
      const { userId } = await newPerson({ items, ...ports });
      const first = folder('One');
      await items.put(userId, first, 1);
      await expect(items.put(userId, folder('Two'), 1)).rejects.toMatchObject({ code: 'too_many_items' });
      await items.put(userId, { ...first, kind: 'folder', name: 'Still one' }, 1);
      const prompt: ItemInput = { id: first.id, kind: 'prompt', name: 'x', text: 'y' };
      await expect(items.put(userId, prompt, MOST)).rejects.toMatchObject({ code: 'item_id_taken' });
    });

    test('folders hold conversations, which stay when one is removed', async () => {
      const { ports } = store();
      const { conversations, items } = ports;
      const person = await newPerson(ports);
      const { userId } = person;
      for (const title of ['In', 'Out']) await ask(ports, person, { title });
      const { id, ...value } = folder('Thesis');
      await items.put(userId, { id, ...value }, MOST);
      expect(await conversations.update(userId, 1, { folderId: id })).toMatchObject({ folderId: id });
      const titles = async (of: string) =>
        (await conversations.list(userId, { limit: 5, folder: of })).items.map(({ title }) => title);
      expect([await titles(id), await titles('none')]).toEqual([['In'], ['Out']]);
      await items.remove(userId, id);
      expect(await conversations.get(userId, 1)).toMatchObject({ folderId: null });
      expect(await titles('none')).toHaveLength(2);
    });

    test('a share is found by its id alone, and ends with its conversation', async () => {
      const { ports } = store();
      const { conversations, items } = ports;
      const person = await newPerson(ports);
      const leaf = await answered(ports, person);
      const conversation = (await conversations.get(person.userId, 1))!;
      const value = { conversationId: conversation.id, number: 1, leaf: leaf.id, title: 'Then' };
      const share: ItemInput = { id: randomUUID(), kind: 'share', ...value };
      await items.put(person.userId, share, MOST);
      expect(await items.findShare(share.id)).toMatchObject({ userId: person.userId, share: value });
      expect(await items.findShare(randomUUID())).toBeNull();
      await conversations.remove(person.userId, 1);
      expect(await items.findShare(share.id)).toBeNull();
      expect(await items.list(person.userId)).toEqual([]);
    });
  });
}
