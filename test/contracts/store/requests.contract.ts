import { describe, expect, test } from 'vitest';
import type { ChatMessage } from '../../../src/protocol/chat-message.ts';
import {
  acceptance,
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

const PROMPT: readonly ChatMessage[] = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Weather?' },
  { role: 'assistant', content: '', toolCalls: [{ id: 'c1', name: 'weather', arguments: '{"city":"Ulm"}' }] },
  { role: 'tool', content: 'rain', toolCallId: 'c1' },
];

/** Requests of programs: messages of their own, and not to be stored. */
export function describeRequestsContract(store: () => StoreHarness): void {
  const transient = (person: Person) => ({
    ...acceptance(person, { content: '', direct: true }),
    conversation: { newId: newId(), title: 'Not stored', transient: true },
    prompt: PROMPT,
  });
  const finished = async (ports: StorePorts, person: Person) => {
    const { generation } = await ports.outbox.accept(transient(person));
    const owner = newOwner();
    const held = await claimed(ports, generation, owner);
    await ports.generations.finish(held, owner, answer({ text: 'secret' }), WINDOW);
    return generation;
  };

  describe('requests with messages of their own', () => {
    test('give them to whoever claims, and to every one after', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const { generation } = await ports.outbox.accept({ ...acceptance(person), prompt: PROMPT });
      const owner = newOwner();
      const first = await ports.generations.claim(generation, owner);
      expect(first).toMatchObject({ kind: 'claimed', prompt: PROMPT });
      expect(await ports.generations.claim(generation, owner)).toMatchObject({ kind: 'claimed', prompt: PROMPT });
      const plain = await ask(ports, person);
      expect(await ports.generations.claim(plain.generation, owner)).not.toHaveProperty('prompt');
    });

    test('keep them with a dead letter, for its replay', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const { generation } = await ports.outbox.accept({ ...acceptance(person), prompt: PROMPT });
      const owner = newOwner();
      const held = await claimed(ports, generation, owner);
      await ports.generations.finish(held, owner, answer({ state: 'failed', deadLetter: true }), WINDOW);
      await ports.deadLetters.replay(generation.id);
      expect(await ports.generations.claim(generation, owner)).toMatchObject({ kind: 'claimed', prompt: PROMPT });
    });
  });

  describe('requests that are not to be stored', () => {
    test('run like any other, and are nobody’s conversation', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const before = await answered(ports, person);
      const generation = await finished(ports, person);
      expect(generation).toMatchObject({ conversationNumber: 0, direct: true });
      expect(await ports.conversations.message(person.userId, generation.id)).toMatchObject({ content: 'secret' });
      expect(await ports.generations.find(generation.id)).toMatchObject({ state: 'done', conversationNumber: 0 });
      const { items } = await ports.conversations.list(person.userId, { limit: 10 });
      expect(items.map(({ number }) => number)).toEqual([before.conversationNumber]);
      expect(await ports.conversations.search(person.userId, 'secret', 10)).toEqual([]);
      expect(await ports.conversations.get(person.userId, 0)).toBeNull();
      expect((await ask(ports, person)).generation.conversationNumber).toBe(before.conversationNumber + 1);
    });

    test('number the first conversation of a user who had nothing else 1', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      await ports.outbox.accept(transient(person));
      await ports.outbox.accept(transient(person));
      expect((await ask(ports, person)).generation.conversationNumber).toBe(1);
    });

    test('are forgotten once their answer is old, key and all; what is unfinished or stored is not', async () => {
      const harness = store();
      const { ports } = harness;
      const person = await newPerson(ports);
      const idempotency = { key: newId(), bodyHash: '1'.repeat(64) };
      const keyed = { ...transient(person), idempotency };
      const { generation } = await ports.outbox.accept(keyed);
      expect(await ports.outbox.accept(keyed)).toMatchObject({ replayed: true });
      const owner = newOwner();
      const held = await claimed(ports, generation, owner);
      const open = await ports.outbox.accept(transient(person));
      await ports.generations.finish(held, owner, answer(), WINDOW);
      const kept = await answered(ports, person);
      await ports.outbox.forgetTransient(60_000, 1000);
      expect(await ports.generations.find(generation.id)).not.toBeNull();
      expect(await ports.outbox.forgetTransient(0, 1000)).toBeGreaterThan(0);
      expect(await ports.generations.find(generation.id)).toBeNull();
      expect(await ports.conversations.message(person.userId, generation.id)).toBeNull();
      expect(await ports.generations.find(open.generation.id)).not.toBeNull();
      expect(await ports.generations.find(kept.id)).not.toBeNull();
      expect(await ports.outbox.accept({ ...transient(person), idempotency })).toMatchObject({ replayed: false });
    });
  });
}
