import { describe, expect, test } from 'vitest';
import type { ConversationPage } from '../../../src/ports/conversations.ts';
import {
  answered,
  ask,
  askTimes,
  newPerson,
  type Person,
  type StoreHarness,
  type StorePorts,
  WINDOW,
} from './harness.ts';

/** Every page to the end; `between` runs after each. */
async function allPages(
  ports: StorePorts,
  person: Person,
  page: ConversationPage,
  between: () => Promise<unknown> = async () => {},
): Promise<number[]> {
  const numbers: number[] = [];
  let after: string | null = null;
  do {
    const list: Awaited<ReturnType<StorePorts['conversations']['list']>> = await ports.conversations.list(
      person.userId,
      { ...page, ...(after === null ? {} : { after }) },
    );
    expect(list.items.length).toBeLessThanOrEqual(page.limit);
    numbers.push(...list.items.map(({ number }) => number));
    after = list.next;
    await between();
  } while (after !== null);
  return numbers;
}

export function describeConversationListContract(store: () => StoreHarness): void {
  describe('list', () => {
    test('shows a conversation as it stands', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const { generation } = await ask(ports, person, { title: 'Of capitals' });
      const waiting = await ports.conversations.get(person.userId, 1);
      expect(waiting).toMatchObject({
        id: generation.conversationId,
        number: 1,
        title: 'Of capitals',
        pinned: false,
        archived: false,
        messageCount: 1,
        answering: true,
      });
      await ports.generations.stop(generation, WINDOW);
      const done = await answered(ports, person, { number: 1 });
      const conversation = await ports.conversations.get(person.userId, 1);
      expect(conversation).toMatchObject({ messageCount: 4, answering: false, lastMessageId: done.id });
      expect(conversation!.updatedAt).toBeGreaterThanOrEqual(conversation!.createdAt);
      expect((await ports.conversations.list(person.userId, { limit: 5 })).items).toEqual([conversation]);
    });

    test('pages by newest activity, with an end', async () => {
      const { ports, advance } = store();
      const person = await newPerson(ports);
      for (let index = 0; index < 5; index++) {
        await ask(ports, person);
        await advance(1_000);
      }
      await ask(ports, person, { number: 2 });
      expect(await allPages(ports, person, { limit: 2 })).toEqual([2, 5, 4, 3, 1]);
      expect(await allPages(ports, person, { limit: 5 })).toEqual([2, 5, 4, 3, 1]);
      expect(await allPages(ports, await newPerson(ports), { limit: 5 })).toEqual([]);
    });

    test('an answer is activity too', async () => {
      const { ports, advance } = store();
      const person = await newPerson(ports);
      const { generation } = await ask(ports, person);
      await advance(1_000);
      await ask(ports, person);
      await advance(1_000);
      expect(await allPages(ports, person, { limit: 5 })).toEqual([2, 1]);
      await ports.generations.stop(generation, WINDOW);
      expect(await allPages(ports, person, { limit: 5 })).toEqual([1, 2]);
    });

    test('every one that stays where it is comes once, whatever moves to the top meanwhile', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      await askTimes(ports, person, 20);
      const seen = await allPages(ports, person, { limit: 3 }, async () => {
        await ask(ports, person);
        await ask(ports, person, { number: 20 });
      });
      expect(seen.toSorted((a, b) => b - a)).toEqual(Array.from({ length: 20 }, (_, index) => 20 - index));
    });

    test('conversations of one and the same moment are neither lost nor doubled between pages', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      await Promise.all(Array.from({ length: 12 }, () => ask(ports, person)));
      const seen = await allPages(ports, person, { limit: 1 });
      expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
    });

    test('filters by archived and pinned, across pages', async () => {
      const { ports, advance } = store();
      const person = await newPerson(ports);
      for (let index = 0; index < 8; index++) {
        await ask(ports, person);
        await advance(1_000);
      }
      const update = (number: number, change: { pinned?: boolean; archived?: boolean }) =>
        ports.conversations.update(person.userId, number, change);
      for (const number of [2, 4, 6, 8]) await update(number, { archived: true });
      for (const number of [3, 4, 7]) await update(number, { pinned: true });
      expect(await allPages(ports, person, { limit: 2, archived: false })).toEqual([7, 5, 3, 1]);
      expect(await allPages(ports, person, { limit: 3, archived: true })).toEqual([8, 6, 4, 2]);
      expect(await allPages(ports, person, { limit: 1, pinned: true })).toEqual([7, 4, 3]);
      expect(await allPages(ports, person, { limit: 1, pinned: true, archived: false })).toEqual([7, 3]);
      expect(await allPages(ports, person, { limit: 3, pinned: false })).toEqual([8, 6, 5, 2, 1]);
      expect(await allPages(ports, person, { limit: 3 })).toEqual([8, 7, 6, 5, 4, 3, 2, 1]);
    });

    test('a change says how it then stands, changes only what it names, and moves nothing', async () => {
      const { ports, advance } = store();
      const person = await newPerson(ports);
      const stranger = await newPerson(ports);
      await ask(ports, person, { title: 'Old' });
      await advance(1_000);
      await ask(ports, person);
      const changed = await ports.conversations.update(person.userId, 1, { title: 'Ne\u0000w', pinned: true });
      expect(changed).toMatchObject({ number: 1, title: 'New', pinned: true, archived: false });
      expect(await ports.conversations.update(person.userId, 1, { archived: true })).toMatchObject({
        title: 'New',
        pinned: true,
        archived: true,
      });
      expect(await ports.conversations.update(person.userId, 1, {})).toMatchObject({ title: 'New', archived: true });
      expect(await allPages(ports, person, { limit: 5 })).toEqual([2, 1]);
      expect(await ports.conversations.update(stranger.userId, 1, { title: 'Mine' })).toBeNull();
      expect(await ports.conversations.update(person.userId, 9, { title: 'None' })).toBeNull();
      expect(await ports.conversations.get(stranger.userId, 1)).toBeNull();
    });

    test('refuses a cursor that is not one of its own', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      for (const after of ['', 'nonsense', "1'; --", '\u0000', 'x'.repeat(5_000)]) {
        const list = ports.conversations.list(person.userId, { limit: 2, after });
        await expect(list).rejects.toMatchObject({ code: 'invalid_request' });
      }
    });
  });
}
