import { describe, expect, onTestFinished, test } from 'vitest';
import {
  answered,
  ask,
  claimed,
  livingOwner,
  newId,
  newPerson,
  type Person,
  type StoreHarness,
  type StorePorts,
  WINDOW,
} from './harness.ts';

async function carryOut(ports: StorePorts, { workspaceId, externalId }: Person) {
  const { deletions } = ports;
  const deletion = (await deletions.begin(workspaceId, externalId))!;
  await deletions.stop(deletion);
  await deletions.close(deletion);
  await deletions.noteCleared(deletion, { stopped: 0, contexts: 1, tokenLogs: 1 });
  expect(await deletions.erase(deletion)).toEqual([]);
  await deletions.end(deletion);
  return deletion;
}

export function describeUserDeletionsContract(store: () => StoreHarness): void {
  describe('deletion of a user', () => {
    test('removes everything of one person and nothing of another, and says how much', async () => {
      const { ports } = store();
      const [person, other] = [await newPerson(ports), await newPerson(ports)];
      const first = await answered(ports, person, { idempotency: { key: 'once', bodyHash: 'aa' } });
      await answered(ports, person, { number: first.conversationNumber });
      await ask(ports, person);
      const theirs = await answered(ports, other);

      const deletion = await carryOut(ports, person);
      expect(await ports.deletions.receipt(deletion)).toMatchObject({
        id: deletion.id,
        userId: person.userId,
        finishedAt: expect.any(Number),
        erased: { messages: 5, archivedMessages: 0, generations: 3, conversations: 2, idempotencyKeys: 1 },
        cleared: { stopped: 0, contexts: 1, tokenLogs: 1 },
      });
      expect((await ports.deletions.receipt(deletion)).databases).not.toEqual([]);
      expect(await ports.conversations.message(person.userId, first.id)).toBeNull();
      expect(await ports.conversations.all(person.userId, 1)).toBeNull();
      expect(await ports.generations.find(first.id)).toBeNull();
      expect((await ports.conversations.list(person.userId, { limit: 10 })).items).toEqual([]);
      expect((await ports.conversations.all(other.userId, theirs.conversationNumber))?.length).toBe(2);
    });

    test('hides the user at once, refuses every write once it is closed, and frees the name at its end', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const { workspaceId, externalId } = person;
      const owner = await livingOwner(ports, onTestFinished);
      const { generation } = await ask(ports, person);
      const held = await claimed(ports, generation, owner);
      const waiting = await ask(ports, person);

      const { deletions } = ports;
      const deletion = (await deletions.begin(workspaceId, externalId))!;
      expect(await deletions.begin(workspaceId, externalId)).toMatchObject(deletion);
      expect(await deletions.stop(deletion)).toEqual([generation.id]);
      expect(await ports.generations.heartbeat(owner, [held])).toEqual(new Map([[held.id, 'stop']]));
      expect(await deletions.traces(deletion)).toMatchObject({
        conversations: expect.arrayContaining([generation.conversationId, waiting.generation.conversationId]),
        generations: expect.arrayContaining([generation.id, waiting.generation.id]),
      });

      await deletions.close(deletion);
      await expect(ask(ports, person)).rejects.toMatchObject({ code: 'database_unavailable' });
      expect(await ports.generations.heartbeat(owner, [held])).toEqual(new Map([[held.id, 'lost']]));
      expect(await ports.generations.claim(waiting.generation, owner)).toEqual({ kind: 'unknown' });
      expect(await ports.generations.stop(generation, WINDOW)).toBeNull();
      expect(await ports.outbox.dispatchNext(person.userId, WINDOW)).toEqual([]);
      expect(await ports.directory.findUser(workspaceId, externalId)).toBeNull();
      await expect(ports.directory.ensureUser(workspaceId, externalId)).rejects.toMatchObject({
        code: 'database_unavailable',
      });
      expect(await deletions.lastReceipt(workspaceId, externalId)).toMatchObject({ id: deletion.id, finishedAt: null });

      await deletions.erase(deletion);
      await deletions.end(deletion);
      const back = { ...person, userId: await ports.directory.ensureUser(workspaceId, externalId) };
      expect((await ask(ports, back)).generation.conversationNumber).toBe(1);
      expect((await ports.conversations.list(back.userId, { limit: 10 })).items).toHaveLength(1);
    });

    test('repeated, or gone on with long after the user came back, changes nothing', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      await answered(ports, person);
      const deletion = await carryOut(ports, person);
      const { deletions } = ports;
      const receipt = await deletions.receipt(deletion);
      const back = { ...person, userId: await ports.directory.ensureUser(person.workspaceId, person.externalId) };
      const owner = await livingOwner(ports, onTestFinished);
      const { generation } = await ask(ports, back);
      const held = await claimed(ports, generation, owner);

      expect(await deletions.stop(deletion)).toEqual([]);
      await deletions.close(deletion);
      await deletions.noteCleared(deletion, { stopped: 9, contexts: 9, tokenLogs: 9 });
      await deletions.erase(deletion);
      await deletions.end(deletion);
      expect(await deletions.receipt(deletion)).toEqual(receipt);
      expect(await ports.generations.heartbeat(owner, [held])).toEqual(new Map([[held.id, 'held']]));
      expect(await ports.conversations.all(back.userId, 1)).toHaveLength(1);
    });

    test('that nobody goes on with is there for whoever looks', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      await answered(ports, person);
      const deletion = (await ports.deletions.begin(person.workspaceId, person.externalId))!;
      expect((await ports.deletions.takeOver(60_000)).map(({ id }) => id)).not.toContain(deletion.id);
      await ports.deletions.leave(deletion);
      expect(await ports.deletions.takeOver(60_000)).toContainEqual(deletion);
      expect((await ports.deletions.takeOver(60_000)).map(({ id }) => id)).not.toContain(deletion.id);
      await ports.deletions.leave(deletion);
      await carryOut(ports, person);
      expect((await ports.deletions.takeOver(60_000)).map(({ id }) => id)).not.toContain(deletion.id);
    });

    test('knows no strangers', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      expect(await ports.deletions.begin(person.workspaceId, 'a stranger')).toBeNull();
      expect(await ports.deletions.begin(newId(), person.externalId)).toBeNull();
      expect(await ports.deletions.lastReceipt(person.workspaceId, 'a stranger')).toBeNull();
    });
  });
}
