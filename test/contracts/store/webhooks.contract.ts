import { describe, expect, test } from 'vitest';
import {
  acceptance,
  answer,
  answered,
  ask,
  claimed,
  newOwner,
  newPerson,
  type Person,
  type StoreHarness,
  type StorePorts,
  WINDOW,
} from './harness.ts';

const URL = 'https://example.org/told';
const LEASE_MS = 5_000;

/** Who is to be told of answers. */
export function describeWebhooksContract(store: () => StoreHarness): void {
  const asked = async (ports: StorePorts, person: Person) =>
    (await ports.outbox.accept({ ...acceptance(person), webhookUrl: URL })).generation;
  const finished = async (ports: StorePorts, person: Person, change = {}) => {
    const generation = await asked(ports, person);
    const owner = newOwner();
    await ports.generations.finish(await claimed(ports, generation, owner), owner, answer(change), WINDOW);
    return generation;
  };
  /** Only this person's: other tests' are due too. */
  const due = async (ports: StorePorts, person: Person) =>
    (await ports.webhooks.claim(1000, LEASE_MS)).filter(({ generation }) => generation.userId === person.userId);

  describe('webhooks', () => {
    test('fall due with the answer, and not for those that asked for none', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      await answered(ports, person);
      const generation = await asked(ports, person);
      expect(await due(ports, person)).toEqual([]);
      const owner = newOwner();
      await ports.generations.finish(await claimed(ports, generation, owner), owner, answer(), WINDOW);
      const [webhook, ...others] = await due(ports, person);
      expect(webhook).toMatchObject({ url: URL, attempt: 1, generation: { id: generation.id, state: 'done' } });
      expect(others).toEqual([]);
    });

    test('fall due where a queued one is stopped', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      await ports.generations.stop(await asked(ports, person), WINDOW);
      expect(await due(ports, person)).toMatchObject([{ generation: { state: 'cancelled' } }]);
    });

    test('are with one process at a time, and with another after the lease', async () => {
      const harness = store();
      const { ports } = harness;
      const person = await newPerson(ports);
      await finished(ports, person);
      const claims = await Promise.all(Array.from({ length: 5 }, () => due(ports, person)));
      expect(claims.flat()).toHaveLength(1);
      await harness.advance(LEASE_MS + 100);
      const [again] = await due(ports, person);
      expect(again!.attempt).toBe(2);
      // What the first had to say comes too late.
      await ports.webhooks.settle(claims.flat()[0]!, { kind: 'delivered' });
      await harness.advance(LEASE_MS + 100);
      expect(await due(ports, person)).toHaveLength(1);
    });

    test('are delivered once', async () => {
      const harness = store();
      const { ports } = harness;
      const person = await newPerson(ports);
      await finished(ports, person);
      const [webhook] = await due(ports, person);
      await ports.webhooks.settle(webhook!, { kind: 'delivered' });
      await harness.advance(LEASE_MS + 100);
      expect(await due(ports, person)).toEqual([]);
    });

    test('are tried again after their delay', async () => {
      const harness = store();
      const { ports } = harness;
      const person = await newPerson(ports);
      await finished(ports, person);
      const [webhook] = await due(ports, person);
      await ports.webhooks.settle(webhook!, { kind: 'retry', delayMs: 60_000, error: 'answered 500' });
      await harness.advance(30_000);
      expect(await due(ports, person)).toEqual([]);
      await harness.advance(31_000);
      expect(await due(ports, person)).toMatchObject([{ attempt: 2 }]);
    });

    test('that nobody took are kept, shown and replayed', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const generation = await finished(ports, person);
      const [webhook] = await due(ports, person);
      await ports.webhooks.settle(webhook!, { kind: 'dead', error: 'answered 410' });
      const dead = (await ports.webhooks.dead({ limit: 1000 })).filter((each) => each.generation.id === generation.id);
      expect(dead).toMatchObject([{ url: URL, attempt: 1, error: 'answered 410' }]);
      expect(
        (await ports.webhooks.dead({ before: generation.id, limit: 1000 })).map((each) => each.generation.id),
      ).not.toContain(generation.id);
      expect(await ports.webhooks.replay(generation.id)).toBe(true);
      expect(await ports.webhooks.replay(generation.id)).toBe(false);
      expect(await due(ports, person)).toMatchObject([{ attempt: 1 }]);
    });

    test('tell again of a dead letter that was replayed and then answered', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const generation = await finished(ports, person, { state: 'failed', deadLetter: true });
      const [failed] = await due(ports, person);
      expect(failed!.generation.state).toBe('failed');
      await ports.webhooks.settle(failed!, { kind: 'delivered' });
      await ports.deadLetters.replay(generation.id);
      const owner = newOwner();
      await ports.generations.finish(await claimed(ports, generation, owner), owner, answer(), WINDOW);
      expect(await due(ports, person)).toMatchObject([{ generation: { state: 'done' } }]);
    });

    test('of what there is none of are none', async () => {
      const { ports } = store();
      expect(await ports.webhooks.replay('no id')).toBe(false);
      const { generation } = await ask(ports, await newPerson(ports));
      expect(await ports.webhooks.replay(generation.id)).toBe(false);
    });
  });
}
