import { describe, expect, test } from 'vitest';
import type { ImportedConversation } from '../../../src/ports/conversations.ts';
import { answered, ask, newId, newPerson, type StoreHarness, WINDOW } from './harness.ts';

const HOUR_MS = 3_600_000;

export function describeKeepingContract(store: () => StoreHarness): void {
  describe('temporary conversations', () => {
    test('are neither listed nor found, and can be kept after all', async () => {
      const { ports } = store();
      const { conversations } = ports;
      const person = await newPerson(ports);
      const { userId } = person;
      await ask(ports, person, { content: 'whisper', begin: { temporary: true } });
      expect(await conversations.get(userId, 1)).toMatchObject({ temporary: true, messageCount: 1 });
      expect((await conversations.list(userId, { limit: 5 })).items).toEqual([]);
      expect(await conversations.search(userId, 'whisper', 5)).toEqual([]);
      await conversations.update(userId, 1, { temporary: false });
      expect((await conversations.list(userId, { limit: 5 })).items).toMatchObject([{ number: 1, temporary: false }]);
      expect(await conversations.search(userId, 'whisper', 5)).toHaveLength(1);
    });

    test('go for good when they are old or deleted, and not while they are answered', async () => {
      const { ports, advance } = store();
      const { conversations, outbox } = ports;
      const person = await newPerson(ports);
      const { userId } = person;
      const old = await answered(ports, person, { begin: { temporary: true } });
      const deleted = await answered(ports, person, { begin: { temporary: true } });
      await ask(ports, person, { begin: { temporary: true } });
      await answered(ports, person);
      await conversations.remove(userId, 2);
      const gone = await outbox.forgetTemporary(HOUR_MS, 1000);
      expect(gone).toContain(deleted.conversationId);
      expect(gone).not.toContain(old.conversationId);
      await advance(HOUR_MS);
      expect(await outbox.forgetTemporary(HOUR_MS, 1000)).toContain(old.conversationId);
      expect(await conversations.get(userId, 1)).toBeNull();
      expect(await conversations.message(userId, old.id)).toBeNull();
      expect(await conversations.get(userId, 3)).toMatchObject({ answering: true });
      expect(await conversations.get(userId, 4)).toMatchObject({ messageCount: 2 });
    });
  });

  test('what is kept of a person is counted, and nobody else’s', async () => {
    const { ports } = store();
    const { conversations } = ports;
    const person = await newPerson(ports);
    const other = await newPerson(ports);
    expect(await conversations.stored(newId())).toEqual(await conversations.stored(person.userId));
    await answered(ports, person);
    await answered(ports, person, { begin: { temporary: true } });
    await answered(ports, person);
    await answered(ports, other);
    await conversations.update(person.userId, 1, { archived: true });
    await conversations.remove(person.userId, 3);
    expect(await conversations.stored(person.userId)).toMatchObject({
      conversations: { kept: 1, archived: 1, temporary: 1, deleted: 1 },
      messages: { recent: 6, archived: 0, bytes: expect.any(Number) },
      generations: 3,
    });
  });

  test('settings are kept with a conversation, and replaced as a whole', async () => {
    const { ports } = store();
    const { conversations } = ports;
    const person = await newPerson(ports);
    await ask(ports, person, { begin: { settings: { systemPrompt: 'Rhyme.', topP: 0.5 } } });
    expect(await conversations.get(person.userId, 1)).toMatchObject({
      settings: { systemPrompt: 'Rhyme.', topP: 0.5 },
    });
    const changed = await conversations.update(person.userId, 1, { settings: { temperature: 0 } });
    expect(changed?.settings).toEqual({ temperature: 0 });
  });

  test('a title is changed only in place of the one that is known', async () => {
    const { ports } = store();
    const { conversations } = ports;
    const person = await newPerson(ports);
    await ask(ports, person, { title: 'First words' });
    expect(await conversations.update(person.userId, 1, { title: 'No', ifTitle: 'Other words' })).toBeNull();
    const changed = await conversations.update(person.userId, 1, { title: 'Yes', ifTitle: 'First words' });
    expect(changed?.title).toBe('Yes');
  });

  describe('import', () => {
    const [question, answer, again] = [newId(), newId(), newId()].sort();
    const imported = (): ImportedConversation => ({
      id: newId(),
      source: 'elsewhere:1',
      title: 'Of old',
      archived: false,
      createdAt: 1_500_000_000_000,
      updatedAt: 1_500_000_100_000,
      messages: [
        { id: question!, parentId: null, role: 'user', content: 'Hello?', createdAt: 1_500_000_000_000 },
        { id: answer!, parentId: question!, role: 'assistant', content: 'Hi.', createdAt: 1_500_000_001_000 },
        { id: again!, parentId: question!, role: 'assistant', content: 'Ho.', createdAt: 1_500_000_002_000 },
      ],
    });

    test('brings a conversation with its branches and times, once', async () => {
      const { ports } = store();
      const { conversations } = ports;
      const person = await newPerson(ports);
      const { userId } = person;
      await ask(ports, person, { title: 'Now' });
      expect(await conversations.import(userId, imported())).toEqual({ number: 2, isNew: true });
      expect(await conversations.import(userId, imported())).toEqual({ number: 2, isNew: false });
      const list = (await conversations.list(userId, { limit: 5 })).items;
      expect(list.map(({ title }) => title)).toEqual(['Now', 'Of old']);
      expect(list[1]).toMatchObject({ messageCount: 3, createdAt: 1_500_000_000_000, updatedAt: 1_500_000_100_000 });
      const branch = (await conversations.branch(userId, 2, { limit: 5 }))!;
      expect(branch.map(({ content }) => content)).toEqual(['Ho.', 'Hello?']);
      expect(branch[0]).toMatchObject({ siblings: [answer, again], createdAt: 1_500_000_002_000, receipt: null });
      expect(await conversations.search(userId, 'hello', 5)).toHaveLength(1);
      const { generation } = await ask(ports, person, { number: 2 });
      expect(generation.conversationNumber).toBe(2);
      await ports.generations.stop(generation, WINDOW);
    });

    test('is possible again once it was deleted', async () => {
      const { ports } = store();
      const { conversations } = ports;
      const { userId } = await newPerson(ports);
      const fresh = () => {
        const ids = [newId(), newId(), newId()].sort();
        const at = new Map(imported().messages.map(({ id }, index) => [id, ids[index]!]));
        const messages = imported().messages.map((message) => ({
          ...message,
          id: at.get(message.id)!,
          parentId: message.parentId && at.get(message.parentId)!,
        }));
        return { ...imported(), messages };
      };
      await conversations.import(userId, fresh());
      await conversations.remove(userId, 1);
      expect(await conversations.import(userId, fresh())).toEqual({ number: 2, isNew: true });
    });
  });
}
