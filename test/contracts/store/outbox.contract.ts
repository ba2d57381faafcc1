import { describe, expect, onTestFinished, test } from 'vitest';
import type { DispatchWindow, GenerationJob } from '../../../src/ports/generations.ts';
import type { Accepted } from '../../../src/ports/outbox.ts';
import {
  acceptance,
  answer,
  answered,
  ask,
  askTimes,
  claimed,
  livingOwner,
  newId,
  newOwner,
  newPerson,
  type StoreHarness,
  sweepFor,
  WINDOW,
} from './harness.ts';

const ids = (jobs: readonly { id: string }[]): string[] => jobs.map((job) => job.id);
const jobOf = ({ generation: { id, userId, lane, params } }: Accepted): GenerationJob => {
  return { id, userId, lane, tokens: params.maxTokens };
};
const wide = (width: number): DispatchWindow => ({ stream: width, chat: width, batch: width });
const hash = (digit: string): string => digit.repeat(64);

export function describeOutboxContract(store: () => StoreHarness): void {
  describe('outbox', () => {
    describeAccept(store);
    describeIdempotency(store);
    describeWindow(store);
    describeDirect(store);
    describeSweep(store);
  });
}

function describeAccept(store: () => StoreHarness): void {
  describe('accept', () => {
    test('numbers conversations per user from 1, without gaps or doubles when many come at once', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const other = await newPerson(ports);
      const accepted = await Promise.all(Array.from({ length: 10 }, () => ask(ports, person)));
      const numbers = accepted.map(({ generation }) => generation.conversationNumber).sort((a, b) => a - b);
      expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      expect((await ask(ports, other)).generation.conversationNumber).toBe(1);
      await ports.conversations.remove(person.userId, 10);
      expect((await ask(ports, person)).generation.conversationNumber).toBe(11);
    });

    test('says what it accepted, and keeps the question', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const given = acceptance(person, {
        lane: 'stream',
        content: 'Why?',
        title: 'A why',
        positionAtArrival: 7,
        params: { maxTokens: 9, model: 'tiny', temperature: 0.25, context: ['One.', 'Two.'] },
      });
      const accepted = await ports.outbox.accept(given);
      expect(accepted).toMatchObject({
        replayed: false,
        dispatched: [{ id: given.generationId, userId: person.userId, lane: 'stream', tokens: given.params.maxTokens }],
        generation: {
          id: given.generationId,
          state: 'queued',
          lane: 'stream',
          direct: false,
          params: given.params,
          epoch: 0,
          attempts: 0,
          takeovers: 0,
          ticket: null,
          positionAtArrival: 7,
          receipt: null,
          length: null,
        },
      });
      expect(await ports.generations.find(given.generationId)).toEqual(accepted.generation);
      const requestId = accepted.generation.requestMessageId;
      expect(await ports.conversations.message(person.userId, requestId)).toMatchObject({
        role: 'user',
        content: 'Why?',
        parentId: null,
        status: 'done',
      });
      expect((await ports.conversations.get(person.userId, 1))?.title).toBe('A why');
    });

    test('refuses conversations and messages that are not there, foreign or deleted, and writes nothing', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const stranger = await newPerson(ports);
      const mine = await answered(ports, person);
      const other = await answered(ports, person);
      const number = mine.conversationNumber;
      const conversationNotFound = expect.objectContaining({ code: 'conversation_not_found' });
      const messageNotFound = expect.objectContaining({ code: 'message_not_found' });
      await expect(ask(ports, person, { number: 99 })).rejects.toEqual(conversationNotFound);
      await expect(ask(ports, stranger, { number })).rejects.toEqual(conversationNotFound);
      await expect(ask(ports, person, { number, parentId: newId() })).rejects.toEqual(messageNotFound);
      await expect(ask(ports, person, { number, parentId: other.id })).rejects.toEqual(messageNotFound);
      await expect(ask(ports, person, { number, regenerate: newId() })).rejects.toEqual(messageNotFound);
      await expect(ask(ports, person, { number, regenerate: other.id })).rejects.toEqual(messageNotFound);
      await ports.conversations.remove(person.userId, other.conversationNumber);
      await expect(ask(ports, person, { number: other.conversationNumber })).rejects.toEqual(conversationNotFound);
      expect(await ports.outbox.countWaiting(person.userId)).toBe(0);
      expect(await ports.conversations.all(person.userId, number)).toHaveLength(2);
      expect((await ports.conversations.list(stranger.userId, { limit: 10 })).items).toEqual([]);
    });

    test('refuses more than may wait; running ones do not count', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const [first] = await askTimes(ports, person, 3, { maxWaiting: 3 });
      expect(await ports.outbox.countWaiting(person.userId)).toBe(3);
      await expect(ask(ports, person, { maxWaiting: 3 })).rejects.toMatchObject({ code: 'too_many_waiting' });
      expect((await ports.conversations.list(person.userId, { limit: 10 })).items).toHaveLength(3);
      await claimed(ports, first!.generation, newOwner());
      expect(await ports.outbox.countWaiting(person.userId)).toBe(2);
      await ask(ports, person, { maxWaiting: 3 });
      const more = await Promise.allSettled(Array.from({ length: 4 }, () => ask(ports, person, { maxWaiting: 5 })));
      expect(more.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(2);
    });
  });
}

function describeIdempotency(store: () => StoreHarness): void {
  describe('idempotency', () => {
    test('a key accepted ten times at once is one generation in one conversation', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const idempotency = { key: 'order-1', bodyHash: hash('a') };
      const accepted = await Promise.all(Array.from({ length: 10 }, () => ask(ports, person, { idempotency })));
      expect(new Set(accepted.map(({ generation }) => generation.id)).size).toBe(1);
      expect(accepted.filter(({ replayed }) => !replayed)).toHaveLength(1);
      expect(accepted.flatMap(({ dispatched }) => dispatched)).toHaveLength(1);
      expect((await ports.conversations.list(person.userId, { limit: 10 })).items).toHaveLength(1);
      expect(await ports.outbox.countWaiting(person.userId)).toBe(1);
    });

    test('repeats the same generation later as well, as it then stands', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const idempotency = { key: 'order-2', bodyHash: hash('a') };
      const done = await answered(ports, person, { idempotency });
      const again = await ask(ports, person, { idempotency, maxWaiting: 0 });
      expect(again).toEqual({ generation: done, dispatched: [], replayed: true });
    });

    test('refuses the key for another body', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      await ask(ports, person, { idempotency: { key: 'order-3', bodyHash: hash('a') } });
      const other = ask(ports, person, { idempotency: { key: 'order-3', bodyHash: hash('b') } });
      await expect(other).rejects.toMatchObject({ code: 'idempotency_conflict' });
      expect(await ports.outbox.countWaiting(person.userId)).toBe(1);
    });

    test('a key belongs to its user, and one of a refused request is free again', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const other = await newPerson(ports);
      const idempotency = { key: "o'rder \u{1F986}", bodyHash: hash('a') };
      await expect(ask(ports, person, { idempotency, number: 5 })).rejects.toMatchObject({
        code: 'conversation_not_found',
      });
      const mine = await ask(ports, person, { idempotency });
      const theirs = await ask(ports, other, { idempotency });
      expect([mine.replayed, theirs.replayed]).toEqual([false, false]);
      expect(mine.generation.id).not.toBe(theirs.generation.id);
    });
  });
}

function describeWindow(store: () => StoreHarness): void {
  const finish = async (job: GenerationJob, owner: string) => {
    const { generations } = store().ports;
    const outcome = await generations.claim(job, owner);
    if (outcome.kind !== 'claimed') throw new Error(`expected a claim, got ${outcome.kind}`);
    return generations.finish({ ...job, epoch: outcome.generation.epoch }, owner, answer(), WINDOW);
  };

  describe('dispatch window', () => {
    test('of ten accepted at once, exactly the window is dispatched; each end brings the next', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const accepted = await Promise.all(Array.from({ length: 10 }, () => ask(ports, person)));
      const line = accepted.flatMap(({ dispatched }) => [...dispatched]);
      expect(line).toHaveLength(2);
      expect(await ports.outbox.dispatchNext(person.userId, WINDOW)).toEqual([]);
      const owner = await livingOwner(ports, onTestFinished);
      const ended: string[] = [];
      for (let job = line.shift(); job; job = line.shift()) {
        ended.push(job.id);
        const outcome = ended.length % 3 === 0 ? await ports.generations.stop(job, WINDOW) : await finish(job, owner);
        if (outcome?.kind !== 'finished' && outcome?.kind !== 'cancelled') throw new Error('it did not end');
        line.push(...outcome.dispatched);
        expect(line).toHaveLength(Math.min(2, 10 - ended.length));
      }
      expect(new Set(ended)).toEqual(new Set(ids(accepted.map(({ generation }) => generation))));
    });

    test('a user alone with a wide window gets all, and dispatching twice at once gives each once', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const accepted = await askTimes(ports, person, 9, { window: wide(1) });
      const given = await Promise.all(
        Array.from({ length: 4 }, () => ports.outbox.dispatchNext(person.userId, wide(50))),
      );
      expect(ids(given.flat()).sort()).toEqual(ids(accepted.slice(1).map(({ generation }) => generation)).sort());
    });

    test('keeps the order of acceptance', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const accepted = await askTimes(ports, person, 6, { window: wide(0) });
      const given = [];
      for (let width = 1; width <= 6; width++)
        given.push(...(await ports.outbox.dispatchNext(person.userId, wide(width))));
      expect(given).toEqual(accepted.map(jobOf));
    });

    test('counts each lane for itself', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const chats = await askTimes(ports, person, 3, { lane: 'chat' });
      const streams = await askTimes(ports, person, 3, { lane: 'stream' });
      expect([...chats, ...streams].map(({ dispatched }) => dispatched.length)).toEqual([1, 1, 0, 1, 1, 0]);
      const next = await ports.outbox.dispatchNext(person.userId, { stream: 3, chat: 2, batch: 0 });
      expect(next).toEqual([jobOf(streams[2]!)]);
    });

    test('never two questions of one conversation: the second waits for the end of the first, in whatever lane', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const first = await ask(ports, person);
      const number = first.generation.conversationNumber;
      const second = await ask(ports, person, { number, lane: 'stream' });
      const third = await ask(ports, person, { number });
      expect([first, second, third].map(({ dispatched }) => dispatched.length)).toEqual([1, 0, 0]);
      expect(await ports.outbox.dispatchNext(person.userId, wide(50))).toEqual([]);
      const owner = newOwner();
      const held = await claimed(ports, first.generation, owner);
      expect(await ports.outbox.dispatchNext(person.userId, wide(50))).toEqual([]);
      const finished = await ports.generations.finish(held, owner, answer(), wide(50));
      expect(finished).toMatchObject({ kind: 'finished', dispatched: [jobOf(second)] });
      const stopped = await ports.generations.stop(second.generation, wide(50));
      expect(stopped).toMatchObject({ kind: 'cancelled', dispatched: [jobOf(third)] });
    });

    test('answers to one question are made side by side; the next question waits for all that came before it', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const first = await ask(ports, person, { window: wide(50) });
      const { conversationNumber: number, requestMessageId: regenerate } = first.generation;
      const beside = await ask(ports, person, { number, regenerate, window: wide(50) });
      const next = await ask(ports, person, { number, window: wide(50) });
      const late = await ask(ports, person, { number, regenerate, window: wide(50) });
      expect([first, beside, next, late].map(({ dispatched }) => dispatched.length)).toEqual([1, 1, 0, 0]);
      const owner = newOwner();
      const held = await claimed(ports, first.generation, owner);
      const other = await claimed(ports, beside.generation, owner);
      const finished = await ports.generations.finish(held, owner, answer(), wide(50));
      expect(finished).toMatchObject({ kind: 'finished', dispatched: [] });
      const last = await ports.generations.finish(other, owner, answer(), wide(50));
      expect(last).toMatchObject({ kind: 'finished', dispatched: [jobOf(next)] });
      const stopped = await ports.generations.stop(next.generation, wide(50));
      expect(stopped).toMatchObject({ kind: 'cancelled', dispatched: [jobOf(late)] });
    });

    test('a retry of a conversation keeps its later ones waiting', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const first = await ask(ports, person);
      const second = await ask(ports, person, { number: first.generation.conversationNumber });
      const owner = newOwner();
      const held = await claimed(ports, first.generation, owner);
      await ports.generations.release(held, owner, { delayMs: 60_000, countAttempt: true });
      expect(await ports.outbox.dispatchNext(person.userId, wide(50))).toEqual([]);
      const stopped = await ports.generations.stop(held, wide(50));
      expect(stopped).toMatchObject({ kind: 'cancelled', dispatched: [jobOf(second)] });
    });

    test('of two users, neither takes of the other', async () => {
      const { ports } = store();
      const greedy = await newPerson(ports);
      await askTimes(ports, greedy, 5);
      const modest = await newPerson(ports);
      const accepted = await ask(ports, modest);
      expect(accepted.dispatched).toEqual([jobOf(accepted)]);
    });

    test('a confirmed one has its ticket; one that is no longer queued is passed over', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const [waits, runs, ends] = await askTimes(ports, person, 3, { window: wide(3) });
      await claimed(ports, runs!.generation, newOwner());
      await ports.generations.stop(ends!.generation, WINDOW);
      const published = [waits!, runs!, ends!].map((accepted, index) => ({ ...jobOf(accepted), ticket: 41 + index }));
      await ports.outbox.markPublished([...published, { ...jobOf(waits!), id: newId(), ticket: 50 }]);
      expect(await ports.generations.find(waits!.generation.id)).toMatchObject({ state: 'queued', ticket: 41 });
      expect(await ports.generations.find(runs!.generation.id)).toMatchObject({ state: 'running', ticket: null });
      expect(await ports.generations.find(ends!.generation.id)).toMatchObject({ state: 'cancelled', ticket: null });
      await ports.outbox.markPublished([]);
    });
  });
}

function describeDirect(store: () => StoreHarness): void {
  describe('direct', () => {
    test('is not dispatched, is claimed by its own process, and counts for its user while it runs', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const direct = await ask(ports, person, { direct: true });
      expect(direct).toMatchObject({ dispatched: [], generation: { direct: true } });
      expect(await ports.outbox.dispatchNext(person.userId, wide(50))).toEqual([]);
      await claimed(ports, direct.generation, newOwner());
      const others = await askTimes(ports, person, 2);
      expect(others.map(({ dispatched }) => dispatched.length)).toEqual([1, 0]);
    });

    test('without a slot it goes through its lane', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const direct = await ask(ports, person, { direct: true });
      expect(await ports.outbox.makeIndirect(jobOf(direct), WINDOW)).toEqual([jobOf(direct)]);
      expect(await ports.generations.find(direct.generation.id)).toMatchObject({ direct: false });
      expect(await ports.outbox.makeIndirect(jobOf(direct), WINDOW)).toEqual([]);
    });

    test('without a slot it waits its turn where the window is full', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const [first] = await askTimes(ports, person, 2);
      const direct = await ask(ports, person, { direct: true });
      expect(await ports.outbox.makeIndirect(jobOf(direct), WINDOW)).toEqual([]);
      const stopped = await ports.generations.stop(first!.generation, WINDOW);
      expect(stopped).toMatchObject({ kind: 'cancelled', dispatched: [jobOf(direct)] });
    });

    test('given back, it goes on through its lane', async () => {
      const { ports, advance } = store();
      const person = await newPerson(ports);
      const direct = await ask(ports, person, { direct: true });
      const owner = newOwner();
      const held = await claimed(ports, direct.generation, owner);
      await ports.generations.release(held, owner, { delayMs: 5_000, countAttempt: true });
      await advance(5_000);
      expect(await ports.outbox.dispatchNext(person.userId, WINDOW)).toEqual([jobOf(direct)]);
    });
  });
}

function describeSweep(store: () => StoreHarness): void {
  describe('sweep', () => {
    test('returns what the queue never confirmed, and what nobody claimed, each after its own time', async () => {
      const { ports, advance } = store();
      const person = await newPerson(ports);
      const [unconfirmed, unclaimed] = await askTimes(ports, person, 2);
      await ports.outbox.markPublished([{ ...jobOf(unclaimed!), ticket: 1 }]);
      const ages = { unconfirmedAfterMs: 20_000, unclaimedAfterMs: 50_000 };
      expect(await sweepFor(ports, person, ages)).toEqual({ stalled: [], waiting: false });
      await advance(20_000);
      expect((await sweepFor(ports, person, ages)).stalled).toEqual([unconfirmed!.generation.id]);
      await advance(30_000);
      expect((await sweepFor(ports, person, ages)).stalled).toContain(unclaimed!.generation.id);
    });

    test('waits twice as long after each sweep, and starts afresh with a claim', async () => {
      const { ports, advance, timings } = store();
      const person = await newPerson(ports);
      const { generation } = await ask(ports, person);
      const ages = { unconfirmedAfterMs: 0, unclaimedAfterMs: 0 };
      const base = timings.sweepBackoffMs;
      for (const delay of [base, 2 * base, 4 * base]) {
        expect((await sweepFor(ports, person, ages)).stalled).toEqual([generation.id]);
        await ports.outbox.markPublished([{ id: generation.id, userId: person.userId, lane: 'chat', ticket: 1 }]);
        expect((await sweepFor(ports, person, ages)).stalled).toEqual([]);
        await advance(delay / 2);
        expect((await sweepFor(ports, person, ages)).stalled).toEqual([]);
        await advance(delay / 2);
      }
      const owner = newOwner();
      const held = await claimed(ports, generation, owner);
      await ports.generations.release(held, owner, { delayMs: 0, countAttempt: false });
      expect((await sweepFor(ports, person, ages)).stalled).toEqual([generation.id]);
      await advance(base);
      expect((await sweepFor(ports, person, ages)).stalled).toEqual([generation.id]);
    });

    test('offers what the queue never confirmed again and again, after the same short time', async () => {
      const { ports, advance, timings } = store();
      const person = await newPerson(ports);
      const { generation } = await ask(ports, person);
      const ages = { unconfirmedAfterMs: 0, unclaimedAfterMs: 0 };
      for (let turn = 0; turn < 5; turn++) {
        expect((await sweepFor(ports, person, ages)).stalled).toEqual([generation.id]);
        expect((await sweepFor(ports, person, ages)).stalled).toEqual([]);
        await advance(timings.sweepBackoffMs);
      }
    });

    test('returns what a dead owner left, once, and not what the living and the asker run', async () => {
      const { ports, killOwner } = store();
      const person = await newPerson(ports);
      const [left, kept] = await askTimes(ports, person, 2);
      const dead = await livingOwner(ports, onTestFinished);
      const owner = await livingOwner(ports, onTestFinished);
      await claimed(ports, left!.generation, dead);
      await claimed(ports, kept!.generation, owner);
      expect(await sweepFor(ports, person)).toEqual({ stalled: [], waiting: false });
      await killOwner(dead);
      expect((await sweepFor(ports, person, { owner })).stalled).toEqual([left!.generation.id]);
      expect((await sweepFor(ports, person, { owner })).stalled).toEqual([]);
    });

    test('returns what runs on a lapsed lease, even of its own: nobody else may be there to ask', async () => {
      const { ports, advance, timings } = store();
      const person = await newPerson(ports);
      const [first, second] = await askTimes(ports, person, 2);
      const owner = await livingOwner(ports, onTestFinished);
      await claimed(ports, first!.generation, owner);
      await claimed(ports, second!.generation, newOwner());
      expect((await sweepFor(ports, person, { owner })).stalled).toEqual([]);
      await advance(timings.leaseMs + 1);
      const { stalled } = await sweepFor(ports, person, { owner });
      expect(stalled.sort()).toEqual([first!.generation.id, second!.generation.id].sort());
    });

    test('who asks is not dead, even where its lock is gone for a moment', async () => {
      const { ports, killOwner } = store();
      const person = await newPerson(ports);
      const { generation } = await ask(ports, person);
      const owner = await livingOwner(ports, onTestFinished);
      await claimed(ports, generation, owner);
      await killOwner(owner);
      expect((await sweepFor(ports, person, { owner })).stalled).toEqual([]);
      expect((await sweepFor(ports, person)).stalled).toEqual([generation.id]);
    });

    test('returns direct ones that were never claimed', async () => {
      const { ports, advance } = store();
      const person = await newPerson(ports);
      const { generation } = await ask(ports, person, { direct: true });
      const ages = { unclaimedAfterMs: 20_000 };
      expect((await sweepFor(ports, person, ages)).stalled).toEqual([]);
      await advance(20_000);
      expect((await sweepFor(ports, person, ages)).stalled).toEqual([generation.id]);
      expect((await sweepFor(ports, person, ages)).stalled).toEqual([]);
      expect((await ports.generations.claim(generation, newOwner())).kind).toBe('claimed');
    });

    test('a direct one behind an unfinished one of its conversation waits for that', async () => {
      const { ports, advance } = store();
      const person = await newPerson(ports);
      const first = (await ask(ports, person)).generation;
      const direct = (await ask(ports, person, { number: first.conversationNumber, direct: true })).generation;
      const owner = newOwner();
      const held = await claimed(ports, first, owner);
      await ports.generations.release(held, owner, { delayMs: 600_000, countAttempt: true });
      await advance(30_000);
      const ages = { unclaimedAfterMs: 20_000 };
      expect((await sweepFor(ports, person, ages)).stalled).toEqual([]);
      await ports.generations.stop(first, WINDOW);
      expect((await sweepFor(ports, person, ages)).stalled).toEqual([direct.id]);
    });

    test('leaves alone what waits outside the window, and names its user instead', async () => {
      const { ports, advance } = store();
      const person = await newPerson(ports);
      const accepted = await askTimes(ports, person, 4, { window: wide(1) });
      await ports.outbox.markPublished([{ ...jobOf(accepted[0]!), ticket: 1 }]);
      await advance(10_000);
      expect(await sweepFor(ports, person)).toEqual({ stalled: [], waiting: true });
      expect((await sweepFor(ports, person)).waiting).toBe(false);
      const given = await ports.outbox.dispatchNext(person.userId, wide(50));
      expect(given).toEqual(accepted.slice(1).map(jobOf));
    });

    test('does not touch what is not due, nor what has ended', async () => {
      const { ports, advance } = store();
      const person = await newPerson(ports);
      const { generation } = await ask(ports, person);
      const owner = newOwner();
      const held = await claimed(ports, generation, owner);
      await ports.generations.release(held, owner, { delayMs: 600_000, countAttempt: true });
      const ended = await ask(ports, person);
      await ports.generations.stop(ended.generation, WINDOW);
      await advance(300_000);
      const ages = { unconfirmedAfterMs: 0, unclaimedAfterMs: 0, queueLost: true };
      expect(await sweepFor(ports, person, ages)).toEqual({ stalled: [], waiting: false });
    });

    test('with the queue lost, returns all that is dispatched at once, page by page, each once', async () => {
      const { ports, advance, timings } = store();
      const person = await newPerson(ports);
      const accepted = await askTimes(ports, person, 7, { window: wide(6) });
      await ports.outbox.markPublished(accepted.slice(0, 3).map((each) => ({ ...jobOf(each), ticket: 1 })));
      await sweepFor(ports, person, { unconfirmedAfterMs: 0, unclaimedAfterMs: 0 });
      await advance(timings.sweepBackoffMs);
      await sweepFor(ports, person, { unconfirmedAfterMs: 0, unclaimedAfterMs: 0 });
      expect((await sweepFor(ports, person)).stalled).toEqual([]);

      const found: string[] = [];
      for (let pages = 0; pages < 1_000; pages++) {
        const swept = await ports.outbox.sweep({
          owner: newOwner(),
          limit: 4,
          unconfirmedAfterMs: 60_000,
          unclaimedAfterMs: 60_000,
          queueLost: true,
        });
        found.push(...ids(swept.stalled.filter((job) => job.userId === person.userId)));
        if (swept.stalled.length < 4) break;
        expect(swept.stalled.length).toBe(4);
      }
      expect(found.sort()).toEqual(ids(accepted.slice(0, 6).map(({ generation }) => generation)).sort());
    });
  });
}
