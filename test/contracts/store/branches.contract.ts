import { describe, expect, onTestFinished, test } from 'vitest';
import type { BranchPage } from '../../../src/ports/conversations.ts';
import {
  answer,
  answered,
  ask,
  claimed,
  livingOwner,
  newId,
  newOwner,
  newPerson,
  type Person,
  type StoreHarness,
  type StorePorts,
  WINDOW,
} from './harness.ts';

async function branchIds(ports: StorePorts, person: Person, number: number, page: Partial<BranchPage> = {}) {
  const branch = await ports.conversations.branch(person.userId, number, { limit: 100, ...page });
  return branch?.map((message) => message.id);
}

/** Two turns; ids oldest first. */
async function twoTurns(ports: StorePorts, person: Person) {
  const first = await answered(ports, person, { content: 'One?' }, 'One.');
  const number = first.conversationNumber;
  const second = await answered(ports, person, { number, content: 'Two?' }, 'Two.');
  return {
    number,
    first,
    second,
    path: [first.requestMessageId, first.id, second.requestMessageId, second.id] as const,
  };
}

export function describeBranchesContract(store: () => StoreHarness): void {
  describe('branches', () => {
    describeGrowth(store);
    describePending(store);
    describeHistory(store);
    describeFeedback(store);
  });
}

function describeGrowth(store: () => StoreHarness): void {
  test('a message follows the newest leaf', async () => {
    const { ports } = store();
    const person = await newPerson(ports);
    const { number, path } = await twoTurns(ports, person);
    expect(await branchIds(ports, person, number)).toEqual(path.toReversed());
    const messages = await ports.conversations.all(person.userId, number);
    expect(messages?.map(({ id, parentId, role, content }) => [id, parentId, role, content])).toEqual([
      [path[0], null, 'user', 'One?'],
      [path[1], path[0], 'assistant', 'One.'],
      [path[2], path[1], 'user', 'Two?'],
      [path[3], path[2], 'assistant', 'Two.'],
    ]);
  });

  test('pages a branch by keyset, newest first, whatever is added meanwhile', async () => {
    const { ports } = store();
    const person = await newPerson(ports);
    const { number, path } = await twoTurns(ports, person);
    const page = await branchIds(ports, person, number, { limit: 3 });
    expect(page).toEqual(path.toReversed().slice(0, 3));
    await answered(ports, person, { number });
    await ask(ports, person, { number, parentId: null });
    expect(await branchIds(ports, person, number, { limit: 3, before: page!.at(-1)! })).toEqual([path[0]]);
    expect(await branchIds(ports, person, number, { before: path[0] })).toEqual([]);
  });

  test('an edited message is a sibling; each branch keeps its own', async () => {
    const { ports } = store();
    const person = await newPerson(ports);
    const { number, first, second, path } = await twoTurns(ports, person);
    const edited = await answered(ports, person, { number, content: 'Two, then?', parentId: first.id });
    const newest = await ports.conversations.branch(person.userId, number, { limit: 10 });
    expect(newest?.map(({ id }) => id)).toEqual([edited.id, edited.requestMessageId, path[1], path[0]]);
    expect(newest?.map(({ siblings }) => siblings)).toEqual([
      [edited.id],
      [second.requestMessageId, edited.requestMessageId],
      [first.id],
      [first.requestMessageId],
    ]);
    expect(await branchIds(ports, person, number, { leaf: second.id })).toEqual(path.toReversed());
    expect(await branchIds(ports, person, number, { leaf: path[1] })).toEqual([path[1], path[0]]);
  });

  test('goes through a message and on to its newest descendant', async () => {
    const { ports } = store();
    const person = await newPerson(ports);
    const { number, first, second, path } = await twoTurns(ports, person);
    const again = await answered(ports, person, { number, regenerate: second.id });
    const edited = await answered(ports, person, { number, parentId: first.id });
    const through = (id: string) => branchIds(ports, person, number, { through: id });
    expect(await through(second.requestMessageId)).toEqual([again.id, ...path.slice(0, 3).toReversed()]);
    expect(await through(second.id)).toEqual(path.toReversed());
    expect(await through(path[0])).toEqual([edited.id, edited.requestMessageId, path[1], path[0]]);
  });

  test('a first message may be edited too: roots are siblings', async () => {
    const { ports } = store();
    const person = await newPerson(ports);
    const { number, path } = await twoTurns(ports, person);
    const root = await answered(ports, person, { number, content: 'One, but better?', parentId: null });
    const branch = await ports.conversations.branch(person.userId, number, { limit: 10 });
    expect(branch?.map(({ id }) => id)).toEqual([root.id, root.requestMessageId]);
    expect(branch?.[1]?.siblings).toEqual([path[0], root.requestMessageId]);
  });

  test('an answer is made again beside the old one, from either message', async () => {
    const { ports } = store();
    const person = await newPerson(ports);
    const { number, second } = await twoTurns(ports, person);
    const again = await answered(ports, person, { number, regenerate: second.id }, 'Two, again.');
    const third = await answered(ports, person, { number, regenerate: second.requestMessageId }, 'Two, thrice.');
    expect([again.requestMessageId, third.requestMessageId]).toEqual(Array(2).fill(second.requestMessageId));
    const branch = await ports.conversations.branch(person.userId, number, { limit: 1 });
    expect(branch?.[0]).toMatchObject({ id: third.id, siblings: [second.id, again.id, third.id] });
    expect((await ports.conversations.get(person.userId, number))?.messageCount).toBe(6);
    const next = await ask(ports, person, { number });
    const question = await ports.conversations.message(person.userId, next.generation.requestMessageId);
    expect(question?.parentId).toBe(third.id);
  });

  test('does not know foreign conversations, and says which message it lacks', async () => {
    const { ports } = store();
    const person = await newPerson(ports);
    const { number, path } = await twoTurns(ports, person);
    const stranger = await newPerson(ports);
    const other = await answered(ports, person);
    expect(await ports.conversations.branch(stranger.userId, number, { limit: 10 })).toBeNull();
    expect(await ports.conversations.branch(person.userId, 99, { limit: 10 })).toBeNull();
    expect(await ports.conversations.all(stranger.userId, number)).toBeNull();
    expect(await ports.conversations.message(stranger.userId, path[0])).toBeNull();
    for (const page of [{ leaf: newId() }, { before: other.id }, { through: other.requestMessageId }]) {
      const branch = ports.conversations.branch(person.userId, number, { limit: 10, ...page });
      await expect(branch).rejects.toMatchObject({ code: 'message_not_found' });
    }
  });
}

function describePending(store: () => StoreHarness): void {
  test('an answer on its way is a message already: pending, empty, and a parent to what follows', async () => {
    const { ports } = store();
    const person = await newPerson(ports);
    const first = (await ask(ports, person)).generation;
    const number = first.conversationNumber;
    const second = (await ask(ports, person, { number, content: 'And then?' })).generation;
    const owner = await livingOwner(ports, onTestFinished);
    const held = await claimed(ports, first, owner);
    const branch = await ports.conversations.branch(person.userId, number, { limit: 10 });
    expect(branch?.map(({ id, parentId, role, pending }) => ({ id, parentId, role, pending }))).toEqual([
      { id: second.id, parentId: second.requestMessageId, role: 'assistant', pending: 'queued' },
      { id: second.requestMessageId, parentId: first.id, role: 'user', pending: null },
      { id: first.id, parentId: first.requestMessageId, role: 'assistant', pending: 'running' },
      { id: first.requestMessageId, parentId: null, role: 'user', pending: null },
    ]);
    expect(branch?.[0]).toMatchObject({ content: '', reasoning: '', receipt: null, siblings: [second.id] });
    expect(await ports.conversations.message(person.userId, first.id)).toBeNull();

    await ports.generations.finish(held, owner, answer(), WINDOW);
    const after = await ports.conversations.branch(person.userId, number, { limit: 10 });
    expect(after?.[2]).toMatchObject({ id: first.id, pending: null, content: 'Paris.', siblings: [first.id] });
  });

  test('one made again is a sibling while it is on its way', async () => {
    const { ports } = store();
    const person = await newPerson(ports);
    const done = await answered(ports, person);
    const number = done.conversationNumber;
    const { generation } = await ask(ports, person, { number, regenerate: done.id });
    const branch = await ports.conversations.branch(person.userId, number, { limit: 1 });
    expect(branch?.[0]).toMatchObject({ id: generation.id, pending: 'queued', siblings: [done.id, generation.id] });
    const older = await ports.conversations.branch(person.userId, number, { limit: 1, leaf: done.id });
    expect(older?.[0]).toMatchObject({ id: done.id, pending: null, siblings: [done.id, generation.id] });
    const more = await ask(ports, person, { number, regenerate: generation.id });
    expect(more.generation.requestMessageId).toBe(done.requestMessageId);
  });
}

function describeHistory(store: () => StoreHarness): void {
  test('history is the stored branch up to a message, oldest first, the newest of it', async () => {
    const { ports } = store();
    const person = await newPerson(ports);
    const { number, first, second, path } = await twoTurns(ports, person);
    await answered(ports, person, { number, parentId: first.id, content: 'Elsewhere?' });
    const { conversationId } = second;
    const history = (leaf: string, limit: number, userId = person.userId, id = conversationId) =>
      ports.conversations.history(userId, id, leaf, limit).then((messages) => messages.map((message) => message.id));
    expect(await history(second.id, 10)).toEqual(path);
    expect(await history(second.requestMessageId, 10)).toEqual(path.slice(0, 3));
    expect(await history(second.requestMessageId, 2)).toEqual(path.slice(1, 3));
    const stranger = await newPerson(ports);
    expect(await history(second.id, 10, stranger.userId)).toEqual([]);
    expect(await history(second.id, 10, person.userId, newId())).toEqual([]);
    expect(await history(newId(), 10)).toEqual([]);
  });

  test('a long branch comes whole, in order', async () => {
    const { ports } = store();
    const person = await newPerson(ports);
    const first = await answered(ports, person);
    const number = first.conversationNumber;
    const path = [first.requestMessageId, first.id];
    for (let turn = 1; turn < 40; turn++) {
      const next = await answered(ports, person, { number });
      path.push(next.requestMessageId, next.id);
    }
    const history = await ports.conversations.history(person.userId, first.conversationId, path.at(-1)!, 1000);
    expect(history.map(({ id }) => id)).toEqual(path);
    expect(await branchIds(ports, person, number, { limit: 7, before: path[50]! })).toEqual(
      path.slice(43, 50).toReversed(),
    );
  });
}

function describeFeedback(store: () => StoreHarness): void {
  test('keeps feedback with the answer, changes it and takes it back', async () => {
    const { ports } = store();
    const person = await newPerson(ports);
    const stranger = await newPerson(ports);
    const done = await answered(ports, person);
    const number = done.conversationNumber;
    const feedback = async () => (await ports.conversations.message(person.userId, done.id))?.feedback;
    const { conversations } = ports;
    expect(await feedback()).toBeNull();
    expect(await conversations.setFeedback(person.userId, number, done.id, { rating: 'up' })).toBe(true);
    expect(await feedback()).toEqual({ rating: 'up' });
    const comment = { rating: 'down', comment: 'Lyon\u0000!' } as const;
    expect(await conversations.setFeedback(person.userId, number, done.id, comment)).toBe(true);
    expect(await feedback()).toEqual({ rating: 'down', comment: 'Lyon!' });
    expect(await conversations.setFeedback(stranger.userId, number, done.id, { rating: 'up' })).toBe(false);
    expect(await conversations.setFeedback(person.userId, number + 1, done.id, { rating: 'up' })).toBe(false);
    expect(await conversations.setFeedback(person.userId, number, newId(), { rating: 'up' })).toBe(false);
    expect(await conversations.setFeedback(person.userId, number, done.id, null)).toBe(true);
    expect(await feedback()).toBeNull();
  });

  test('there is none for an answer that is still on its way', async () => {
    const { ports } = store();
    const person = await newPerson(ports);
    const { generation } = await ask(ports, person);
    await claimed(ports, generation, newOwner());
    const number = generation.conversationNumber;
    expect(await ports.conversations.setFeedback(person.userId, number, generation.id, { rating: 'up' })).toBe(false);
  });
}
