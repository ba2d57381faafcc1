import { describe, expect, test } from 'vitest';
import {
  answer,
  answered,
  ask,
  claimed,
  newId,
  newOwner,
  newPerson,
  type Person,
  type StoreHarness,
  type StorePorts,
  WINDOW,
} from './harness.ts';

const FAILED = answer({
  state: 'failed',
  text: 'Half',
  finishReason: null,
  error: { code: 'generation_failed', message: 'Three times.' },
  deadLetter: true,
});

async function deadLetter(ports: StorePorts, person: Person, number?: number) {
  const { generation } = await ask(ports, person, number === undefined ? {} : { number });
  const owner = newOwner();
  const held = await claimed(ports, generation, owner);
  const outcome = await ports.generations.finish(held, owner, FAILED, WINDOW);
  if (outcome.kind !== 'finished') throw new Error('not finished');
  return outcome.generation;
}

export function describeDeadLettersContract(store: () => StoreHarness): void {
  describe('dead letters', () => {
    test('lists what failed past its attempts and nothing else, newest first, by workspace and page', async () => {
      const { ports } = store();
      const before = await ports.deadLetters.count();
      const person = await newPerson(ports);
      const stranger = await newPerson(ports);
      const letters = [];
      for (let index = 0; index < 5; index++) letters.push(await deadLetter(ports, person));
      const foreign = await deadLetter(ports, stranger);
      await answered(ports, person);
      const { generation } = await ask(ports, person);
      const owner = newOwner();
      const held = await claimed(ports, generation, owner);
      await ports.generations.finish(held, owner, { ...FAILED, deadLetter: false }, WINDOW);

      expect(await ports.deadLetters.count()).toBe(before + 6);
      const { workspaceId } = person;
      const newestFirst = letters.toReversed();
      expect(await ports.deadLetters.list({ workspaceId, limit: 10 })).toEqual(newestFirst);
      const page = await ports.deadLetters.list({ workspaceId, limit: 2 });
      expect(page).toEqual(newestFirst.slice(0, 2));
      const rest = await ports.deadLetters.list({ workspaceId, limit: 10, before: page[1]!.id });
      expect(rest).toEqual(newestFirst.slice(2));
      expect((await ports.deadLetters.list({ limit: 1 }))[0]).toEqual(foreign);
    });

    test('replays into one message in the old place, with its attempts forgotten and a higher epoch', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const letter = await deadLetter(ports, person);
      const number = letter.conversationNumber;
      const child = await answered(ports, person, { number, content: 'And then?' });
      const job = await ports.deadLetters.replay(letter.id);
      expect(job).toEqual({ id: letter.id, userId: person.userId, lane: letter.lane });
      expect(await ports.deadLetters.replay(letter.id)).toBeNull();
      expect(await ports.generations.find(letter.id)).toMatchObject({
        state: 'queued',
        attempts: 0,
        epoch: letter.epoch,
        owner: null,
        finishedAt: null,
        receipt: null,
        length: null,
        error: null,
      });
      expect(await ports.conversations.message(person.userId, letter.id)).toBeNull();
      const pending = await ports.conversations.branch(person.userId, number, { limit: 10 });
      expect(pending?.map(({ id, pending: state }) => [id, state])).toEqual([
        [child.id, null],
        [child.requestMessageId, null],
        [letter.id, 'queued'],
        [letter.requestMessageId, null],
      ]);
      const history = await ports.conversations.history(person.userId, letter.conversationId, child.id, 10);
      expect(history.map(({ id }) => id)).toEqual([letter.requestMessageId, child.requestMessageId, child.id]);

      expect((await ports.outbox.dispatchNext(person.userId, WINDOW)).map(({ id }) => id)).toEqual([letter.id]);
      const owner = newOwner();
      const held = await claimed(ports, letter, owner);
      expect(held.epoch).toBe(letter.epoch + 1);
      expect((await ports.generations.finish(held, owner, answer({ text: 'Well.' }), WINDOW)).kind).toBe('finished');
      const messages = await ports.conversations.all(person.userId, number);
      expect(messages?.map(({ id }) => id)).toEqual([
        letter.requestMessageId,
        letter.id,
        child.requestMessageId,
        child.id,
      ]);
      expect(messages?.[1]).toMatchObject({ content: 'Well.', status: 'done' });
      expect(messages?.[2]?.parentId).toBe(letter.id);
      expect(await ports.deadLetters.list({ workspaceId: person.workspaceId, limit: 10 })).toEqual([]);
    });

    test('one replayed comes after what is dispatched or runs in its conversation, and holds none of it up', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const letter = await deadLetter(ports, person);
      const later = await ask(ports, person, { number: letter.conversationNumber });
      expect(later.dispatched).toHaveLength(1);
      await ports.deadLetters.replay(letter.id);
      expect(await ports.outbox.dispatchNext(person.userId, WINDOW)).toEqual([]);
      const owner = newOwner();
      const held = await claimed(ports, later.generation, owner);
      expect(await ports.generations.claim(letter, newOwner())).toEqual({ kind: 'conversation-busy' });
      const outcome = await ports.generations.finish(held, owner, answer(), WINDOW);
      expect(outcome).toMatchObject({ kind: 'finished', dispatched: [{ id: letter.id }] });
    });

    test('a stop of before the failure is forgotten', async () => {
      const { ports } = store();
      const { generation } = await ask(ports, await newPerson(ports));
      const owner = newOwner();
      const held = await claimed(ports, generation, owner);
      await ports.generations.stop(generation, WINDOW);
      await ports.generations.finish(held, owner, FAILED, WINDOW);
      await ports.deadLetters.replay(generation.id);
      const outcome = await ports.generations.claim(generation, newOwner());
      expect(outcome).toMatchObject({ kind: 'claimed', generation: { stopRequested: false } });
    });

    test('replays once, however many ask', async () => {
      const { ports } = store();
      const letter = await deadLetter(ports, await newPerson(ports));
      const jobs = await Promise.all(Array.from({ length: 4 }, () => ports.deadLetters.replay(letter.id)));
      expect(jobs.filter((job) => job !== null)).toHaveLength(1);
    });

    test('does not replay what is no dead letter, nor one of a deleted conversation', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const done = await answered(ports, person);
      expect(await ports.deadLetters.replay(done.id)).toBeNull();
      expect(await ports.deadLetters.replay(newId())).toBeNull();
      const letter = await deadLetter(ports, person);
      await ports.conversations.remove(person.userId, letter.conversationNumber);
      expect(await ports.deadLetters.replay(letter.id)).toBeNull();
      expect(await ports.deadLetters.list({ workspaceId: person.workspaceId, limit: 10 })).toEqual([]);
    });
  });
}
