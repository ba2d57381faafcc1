import { describe, expect, onTestFinished, test } from 'vitest';
import {
  answer,
  answered,
  ask,
  claimed,
  livingOwner,
  newOwner,
  newPerson,
  type StoreHarness,
  WINDOW,
} from './harness.ts';

export function describeConversationRemovalContract(store: () => StoreHarness): void {
  describe('removal', () => {
    test('hides all of it at once and for good', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const kept = await answered(ports, person, { content: 'A heron waits.' });
      const gone = await answered(ports, person, { content: 'A heron flies.' });
      const number = gone.conversationNumber;
      expect(await ports.conversations.remove(person.userId, number)).toEqual([]);
      expect(await ports.conversations.remove(person.userId, number)).toBeNull();

      const { conversations } = ports;
      expect(await conversations.get(person.userId, number)).toBeNull();
      expect(await conversations.branch(person.userId, number, { limit: 5 })).toBeNull();
      expect(await conversations.all(person.userId, number)).toBeNull();
      expect(await conversations.update(person.userId, number, { title: 'Back' })).toBeNull();
      expect(await conversations.message(person.userId, gone.id)).toBeNull();
      expect(await conversations.message(person.userId, gone.requestMessageId)).toBeNull();
      expect(await conversations.history(person.userId, gone.conversationId, gone.id, 10)).toEqual([]);
      expect(await conversations.setFeedback(person.userId, number, gone.id, { rating: 'up' })).toBe(false);
      expect(await ports.generations.find(gone.id)).toBeNull();
      const { items } = await conversations.list(person.userId, { limit: 10 });
      expect(items.map((item) => item.number)).toEqual([kept.conversationNumber]);
      const hits = await conversations.search(person.userId, 'heron', 10);
      expect(hits.map((hit) => hit.messageId)).toEqual([kept.requestMessageId]);
    });

    test('names what is to be stopped; stopping a queued one then makes room for others', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const first = (await ask(ports, person)).generation;
      const number = first.conversationNumber;
      const second = (await ask(ports, person, { number })).generation;
      await ask(ports, person);
      const next = (await ask(ports, person)).generation;
      const unfinished = await ports.conversations.remove(person.userId, number);
      expect(new Set(unfinished)).toEqual(new Set([first.id, second.id]));
      expect(await ports.generations.stop(first, WINDOW)).toMatchObject({ kind: 'cancelled' });
      expect(await ports.generations.stop(second, WINDOW)).toMatchObject({
        kind: 'cancelled',
        generation: { conversationNumber: number },
      });
      expect(await ports.outbox.dispatchNext(person.userId, WINDOW)).toEqual([]);
      expect((await ports.generations.claim(next, newOwner())).kind).toBe('claimed');
      expect(await ports.outbox.countWaiting(person.userId)).toBe(1);
    });

    test('marks what runs as stopped by itself, should nobody come to stop it', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const { generation } = await ask(ports, person);
      const owner = await livingOwner(ports, onTestFinished);
      const held = await claimed(ports, generation, owner);
      expect(await ports.conversations.remove(person.userId, generation.conversationNumber)).toEqual([generation.id]);
      expect(await ports.generations.heartbeat(owner, [held])).toEqual(new Map([[held.id, 'stop']]));
      const cancelled = answer({ state: 'cancelled', finishReason: 'cancelled', text: 'Par' });
      expect((await ports.generations.finish(held, owner, cancelled, WINDOW)).kind).toBe('finished');
      expect(await ports.generations.find(generation.id)).toBeNull();
    });

    test('lets what is queued be claimed only with the mark to stop', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const { generation } = await ask(ports, person);
      await ports.conversations.remove(person.userId, generation.conversationNumber);
      const owner = await livingOwner(ports, onTestFinished);
      const outcome = await ports.generations.claim(generation, owner);
      expect(outcome).toMatchObject({ kind: 'claimed', generation: { stopRequested: true } });
    });

    test('of a foreign conversation is none', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const stranger = await newPerson(ports);
      const done = await answered(ports, person);
      expect(await ports.conversations.remove(stranger.userId, done.conversationNumber)).toBeNull();
      expect(await ports.conversations.get(person.userId, done.conversationNumber)).not.toBeNull();
    });
  });
}
