import { describe, expect, onTestFinished, test } from 'vitest';
import type { Held, OwnerId } from '../../../src/ports/generations.ts';
import {
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

export function describeGenerationsContract(store: () => StoreHarness): void {
  describe('generations', () => {
    describeClaim(store);
    describeTakeover(store);
    describeFencing(store);
    describeFinish(store);
    describeStop(store);
    describeRelease(store);
  });
}

const living = (store: () => StoreHarness): Promise<OwnerId> => livingOwner(store().ports, onTestFinished);

function describeClaim(store: () => StoreHarness): void {
  describe('claim', () => {
    test('gives a queued one to the claimer, at epoch 1 and attempt 1', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const { generation } = await ask(ports, person, { params: { maxTokens: 77, context: ['Earlier.'] } });
      expect(generation).toMatchObject({ state: 'queued', epoch: 0, attempts: 0, owner: null, claimedAt: null });
      const owner = await living(store);
      const outcome = await ports.generations.claim(generation, owner);
      expect(outcome).toMatchObject({
        kind: 'claimed',
        generation: {
          id: generation.id,
          userId: person.userId,
          workspaceId: person.workspaceId,
          state: 'running',
          epoch: 1,
          attempts: 1,
          takeovers: 0,
          owner,
          stopRequested: false,
          params: { maxTokens: 77, context: ['Earlier.'] },
        },
      });
      const found = await ports.generations.find(generation.id);
      expect(found).toMatchObject({ state: 'running', owner });
      expect(found?.claimedAt).toBeGreaterThanOrEqual(generation.createdAt);
    });

    test('says what it answers, and behind which message that stands', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const owner = await living(store);
      const first = await ask(ports, person, { content: 'Who?' });
      const outcome = await ports.generations.claim(first.generation, owner);
      expect(outcome).toMatchObject({ kind: 'claimed', question: { parentId: null, content: 'Who?' } });
      await ports.generations.finish({ ...first.generation, epoch: 1 }, owner, answer(), WINDOW);
      const number = first.generation.conversationNumber;
      const second = await ask(ports, person, { number, content: 'And why?' });
      expect(await ports.generations.claim(second.generation, owner)).toMatchObject({
        question: { parentId: first.generation.id, content: 'And why?' },
      });
    });

    test('lets exactly one of many claimers in', async () => {
      const { ports } = store();
      const { generation } = await ask(ports, await newPerson(ports));
      const owners = await Promise.all(Array.from({ length: 6 }, () => living(store)));
      const outcomes = await Promise.all(owners.map((owner) => ports.generations.claim(generation, owner)));
      const winners = outcomes.filter((outcome) => outcome.kind === 'claimed');
      expect(winners).toHaveLength(1);
      const winner = owners[outcomes.findIndex((outcome) => outcome.kind === 'claimed')];
      expect(outcomes.filter((outcome) => outcome.kind !== 'claimed')).toEqual(
        Array.from({ length: 5 }, () => ({ kind: 'owned', owner: winner })),
      );
    });

    test('answers one question of a conversation at a time', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const first = (await ask(ports, person)).generation;
      const second = (await ask(ports, person, { number: first.conversationNumber })).generation;
      const owner = await living(store);
      const other = await living(store);
      const outcomes = await Promise.all([
        ports.generations.claim(first, owner),
        ports.generations.claim(second, other),
      ]);
      expect(outcomes.map((outcome) => outcome.kind)).toEqual(['claimed', 'conversation-busy']);
      await ports.generations.finish({ ...first, epoch: 1 }, owner, answer(), WINDOW);
      expect((await ports.generations.claim(second, other)).kind).toBe('claimed');
    });

    test('runs answers to one question at once, and none of another meanwhile', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const first = (await ask(ports, person)).generation;
      const { conversationNumber: number, requestMessageId: regenerate } = first;
      const beside = (await ask(ports, person, { number, regenerate })).generation;
      const next = (await ask(ports, person, { number })).generation;
      const owner = await living(store);
      const held = await claimed(ports, first, owner);
      const other = await claimed(ports, beside, owner);
      await ports.generations.finish(held, owner, answer(), WINDOW);
      expect(await ports.generations.claim(next, owner)).toEqual({ kind: 'conversation-busy' });
      await ports.generations.finish(other, owner, answer(), WINDOW);
      expect((await ports.generations.claim(next, owner)).kind).toBe('claimed');
    });

    test('keeps the order of a conversation, for direct ones and during a retry too', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const first = (await ask(ports, person)).generation;
      const number = first.conversationNumber;
      const second = (await ask(ports, person, { number, direct: true })).generation;
      const owner = await living(store);
      expect(await ports.generations.claim(second, owner)).toEqual({ kind: 'conversation-busy' });
      const held = await claimed(ports, first, owner);
      await ports.generations.release(held, owner, { delayMs: 60_000, countAttempt: true });
      expect(await ports.generations.claim(second, owner)).toEqual({ kind: 'conversation-busy' });
      await ports.generations.stop(first, WINDOW);
      expect((await ports.generations.claim(second, owner)).kind).toBe('claimed');
    });

    test('does not know an id that was never accepted, nor one under another user', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const stranger = await newPerson(ports);
      const { generation } = await ask(ports, person);
      const owner = newOwner();
      expect(await ports.generations.claim({ id: newId(), userId: person.userId }, owner)).toEqual({ kind: 'unknown' });
      expect(await ports.generations.claim({ id: generation.id, userId: stranger.userId }, owner)).toEqual({
        kind: 'unknown',
      });
      expect(await ports.generations.find(newId())).toBeNull();
      expect(await ports.generations.find('not-an-id')).toBeNull();
    });

    test('answers a finished one with its end', async () => {
      const { ports } = store();
      const generation = await answered(ports, await newPerson(ports));
      const outcome = await ports.generations.claim(generation, newOwner());
      expect(outcome).toMatchObject({ kind: 'terminal', generation: { id: generation.id, state: 'done' } });
    });
  });
}

function describeTakeover(store: () => StoreHarness): void {
  describe('takeover', () => {
    test('leaves a living owner alone while its lease runs', async () => {
      const { ports, advance, timings } = store();
      const { generation } = await ask(ports, await newPerson(ports));
      const owner = await living(store);
      const held = await claimed(ports, generation, owner);
      for (let beat = 0; beat < 4; beat++) {
        await advance(timings.leaseMs / 3);
        expect(await ports.generations.heartbeat(owner, [held])).toEqual(new Map([[held.id, 'held']]));
        expect(await ports.generations.claim(generation, await living(store))).toEqual({ kind: 'owned', owner });
      }
    });

    test('takes over from a dead owner long before its lease ends, and counts no attempt', async () => {
      const { ports, killOwner } = store();
      const { generation } = await ask(ports, await newPerson(ports));
      const dead = await living(store);
      const held = await claimed(ports, generation, dead);
      await killOwner(dead);
      const next = await living(store);
      const outcome = await ports.generations.claim(generation, next);
      expect(outcome).toMatchObject({
        kind: 'claimed',
        generation: { epoch: 2, owner: next, attempts: 1, takeovers: 1 },
      });
      expect(await ports.generations.heartbeat(dead, [held])).toEqual(new Map([[held.id, 'lost']]));
    });

    test('takes over from an owner that has left, and lets one of many claimers do it', async () => {
      const { ports } = store();
      const { generation } = await ask(ports, await newPerson(ports));
      const gone = newOwner();
      const declaration = await ports.generations.own(gone);
      await claimed(ports, generation, gone);
      await declaration[Symbol.asyncDispose]();
      const owners = await Promise.all(Array.from({ length: 6 }, () => living(store)));
      const outcomes = await Promise.all(owners.map((owner) => ports.generations.claim(generation, owner)));
      expect(outcomes.filter((outcome) => outcome.kind === 'claimed')).toHaveLength(1);
      expect(await ports.generations.find(generation.id)).toMatchObject({ epoch: 2, takeovers: 1 });
    });

    test('lets an owner have again what it never heard that it was given', async () => {
      const { ports } = store();
      const { generation } = await ask(ports, await newPerson(ports));
      const owner = await living(store);
      await claimed(ports, generation, owner);
      expect(await ports.generations.claim(generation, owner)).toMatchObject({
        kind: 'claimed',
        generation: { epoch: 2, attempts: 1, takeovers: 1, owner },
      });
      const old = { id: generation.id, userId: generation.userId, epoch: 1 };
      expect(await ports.generations.heartbeat(owner, [old])).toEqual(new Map([[generation.id, 'lost']]));
    });

    test('goes by the lease alone where the owner never held its lock', async () => {
      const { ports, advance, timings } = store();
      const { generation } = await ask(ports, await newPerson(ports));
      const owner = newOwner();
      await claimed(ports, generation, owner);
      const next = await living(store);
      expect(await ports.generations.claim(generation, next)).toEqual({ kind: 'owned', owner });
      await advance(timings.leaseMs + 1);
      expect((await ports.generations.claim(generation, next)).kind).toBe('claimed');
    });

    test('a heartbeat with the lock makes a lockless claim one that death ends', async () => {
      const { ports, killOwner } = store();
      const { generation } = await ask(ports, await newPerson(ports));
      const owner = newOwner();
      const held = await claimed(ports, generation, owner);
      await ports.generations.own(owner);
      await ports.generations.heartbeat(owner, [held]);
      await killOwner(owner);
      expect((await ports.generations.claim(generation, newOwner())).kind).toBe('claimed');
    });

    test('a lease that lapses under its living owner may be taken; the owner is then fenced', async () => {
      const { ports, advance, timings } = store();
      const { generation } = await ask(ports, await newPerson(ports));
      const slow = await living(store);
      const held = await claimed(ports, generation, slow);
      await advance(timings.leaseMs + 1);
      const next = await living(store);
      const outcome = await ports.generations.claim(generation, next);
      expect(outcome).toMatchObject({ kind: 'claimed', generation: { epoch: 2, takeovers: 1, attempts: 1 } });
      expect(await ports.generations.heartbeat(slow, [held])).toEqual(new Map([[held.id, 'lost']]));
      expect(await ports.generations.finish(held, slow, answer({ text: 'Late.' }), WINDOW)).toEqual({ kind: 'fenced' });
      const renewed: Held = { ...held, epoch: 2 };
      expect((await ports.generations.finish(renewed, next, answer({ text: 'True.' }), WINDOW)).kind).toBe('finished');
      const message = await ports.conversations.message(generation.userId, generation.id);
      expect(message?.content).toBe('True.');
    });

    test('a lapsed lease that nobody took is renewed by its owner', async () => {
      const { ports, advance, timings } = store();
      const { generation } = await ask(ports, await newPerson(ports));
      const owner = await living(store);
      const held = await claimed(ports, generation, owner);
      await advance(timings.leaseMs + 1);
      expect(await ports.generations.heartbeat(owner, [held])).toEqual(new Map([[held.id, 'held']]));
      expect((await ports.generations.claim(generation, newOwner())).kind).toBe('owned');
    });
  });
}

function describeFencing(store: () => StoreHarness): void {
  describe('fencing', () => {
    test('refuses an old epoch, another owner and another user in heartbeat, release and finish', async () => {
      const { ports, killOwner } = store();
      const person = await newPerson(ports);
      const { generation } = await ask(ports, person);
      const dead = await living(store);
      await claimed(ports, generation, dead);
      await killOwner(dead);
      const owner = await living(store);
      const held = await claimed(ports, generation, owner);
      expect(held.epoch).toBe(2);
      const stranger = await newPerson(ports);
      const wrong: [Held, OwnerId][] = [
        [{ ...held, epoch: 1 }, dead],
        [{ ...held, epoch: 1 }, owner],
        [held, dead],
        [{ ...held, epoch: 3 }, owner],
        [{ ...held, userId: stranger.userId }, owner],
      ];
      for (const [claim, who] of wrong) {
        expect(await ports.generations.heartbeat(who, [claim])).toEqual(new Map([[held.id, 'lost']]));
        expect(await ports.generations.release(claim, who, { delayMs: 0, countAttempt: false })).toBe(false);
        expect(await ports.generations.finish(claim, who, answer(), WINDOW)).toEqual({ kind: 'fenced' });
      }
      expect(await ports.generations.find(held.id)).toMatchObject({ state: 'running', epoch: 2, owner });
      expect(await ports.conversations.message(person.userId, held.id)).toBeNull();
    });

    test('its holder raises the epoch above one that its log knows; what it held before is then fenced', async () => {
      const { ports } = store();
      const { generation } = await ask(ports, await newPerson(ports));
      const owner = await living(store);
      const held = await claimed(ports, generation, owner);
      const first = await ports.generations.raiseEpoch(held, owner, 7);
      expect(first).toBeGreaterThan(7);
      expect(await ports.generations.raiseEpoch(held, owner, 20)).toBeNull();
      const second = await ports.generations.raiseEpoch({ ...held, epoch: first! }, owner, 2);
      expect(second).toBeGreaterThan(first!);
      expect(await ports.generations.raiseEpoch({ ...held, epoch: second! }, newOwner(), 30)).toBeNull();
      expect(await ports.generations.find(held.id)).toMatchObject({ epoch: second, attempts: 1, takeovers: 0 });
      expect(await ports.generations.finish(held, owner, answer(), WINDOW)).toEqual({ kind: 'fenced' });
      const raised = { ...held, epoch: second! };
      expect(await ports.generations.heartbeat(owner, [raised])).toEqual(new Map([[held.id, 'held']]));
      expect((await ports.generations.finish(raised, owner, answer(), WINDOW)).kind).toBe('finished');
    });

    test('a heartbeat names each once: held, to be stopped, finished, and never heard of', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const owner = await living(store);
      const [runs, stops, ends] = await askTimes(ports, person, 3);
      const held = [
        await claimed(ports, runs!.generation, owner),
        await claimed(ports, stops!.generation, owner),
        await claimed(ports, ends!.generation, owner),
      ] as const;
      await ports.generations.stop(held[1], WINDOW);
      await ports.generations.finish(held[2], owner, answer(), WINDOW);
      const ghost = { id: newId(), userId: person.userId, epoch: 1 };
      const heard = await ports.generations.heartbeat(owner, [...held, ghost]);
      expect(heard).toEqual(
        new Map([
          [held[0].id, 'held'],
          [held[1].id, 'stop'],
          [held[2].id, 'lost'],
          [ghost.id, 'lost'],
        ]),
      );
      expect(await ports.generations.heartbeat(owner, [])).toEqual(new Map());
    });
  });
}

function describeFinish(store: () => StoreHarness): void {
  describe('finish', () => {
    test('stores the answer under the id of the generation, with its receipt', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const { generation } = await ask(ports, person, { positionAtArrival: 3 });
      const owner = await living(store);
      const held = await claimed(ports, generation, owner);
      const given = answer({
        text: 'Paris, déjà.',
        reasoning: 'Easy.',
        epochs: [
          { epoch: 1, at: { text: 0, reasoning: 0 } },
          { epoch: 2, at: { text: 5, reasoning: 5 } },
        ],
        trimmedMessages: 2,
      });
      const outcome = await ports.generations.finish(held, owner, given, WINDOW);
      if (outcome.kind !== 'finished') throw new Error('not finished');
      const receipt = outcome.generation.receipt;
      expect(receipt).toMatchObject({
        generation_id: generation.id,
        state: 'done',
        model: 'tiny',
        worker: owner,
        lane: 'chat',
        finish_reason: 'stop',
        position_at_arrival: 3,
        prefill_ms: 40,
        stream_ms: 100,
        tokens: { prompt: 12, reused: 4, completion: 3 },
        tokens_per_second: 20,
        attempts: 1,
        takeovers: 0,
        trimmed_messages: 2,
        error: null,
      });
      expect(receipt!.total_ms).toBeGreaterThanOrEqual(receipt!.queue_ms);
      expect(outcome.generation).toMatchObject({
        state: 'done',
        model: 'tiny',
        finishReason: 'stop',
        length: { text: 14, reasoning: 5 },
        error: null,
      });
      expect(outcome.generation.finishedAt).toBeGreaterThanOrEqual(outcome.generation.claimedAt!);
      expect(await ports.generations.find(generation.id)).toEqual(outcome.generation);
      expect(await ports.conversations.message(person.userId, generation.id)).toMatchObject({
        id: generation.id,
        parentId: generation.requestMessageId,
        role: 'assistant',
        content: 'Paris, déjà.',
        reasoning: 'Easy.',
        status: 'done',
        model: 'tiny',
        finishReason: 'stop',
        epochs: given.epochs,
        receipt,
      });
    });

    test('happens once: again, and twice at once', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const { generation } = await ask(ports, person);
      const owner = await living(store);
      const held = await claimed(ports, generation, owner);
      const outcomes = await Promise.all(
        ['A', 'B', 'C'].map((text) => ports.generations.finish(held, owner, answer({ text }), WINDOW)),
      );
      expect(outcomes.map((outcome) => outcome.kind).sort()).toEqual(['fenced', 'fenced', 'finished']);
      expect(await ports.generations.finish(held, owner, answer({ text: 'D' }), WINDOW)).toEqual({ kind: 'fenced' });
      const winner = ['A', 'B', 'C'][outcomes.findIndex((outcome) => outcome.kind === 'finished')];
      const messages = await ports.conversations.all(person.userId, generation.conversationNumber);
      expect(messages?.map((message) => message.content)).toEqual(['What is the capital of France?', winner]);
    });

    test('is refused where the generation waits to be claimed', async () => {
      const { ports } = store();
      const { generation } = await ask(ports, await newPerson(ports));
      const held = { ...generation, epoch: 0 };
      expect(await ports.generations.finish(held, newOwner(), answer(), WINDOW)).toEqual({ kind: 'fenced' });
    });

    test.each(['failed', 'cancelled', 'interrupted'] as const)(
      'a %s one has a message too, empty or not',
      async (state) => {
        const { ports } = store();
        const person = await newPerson(ports);
        const owner = await living(store);
        const error = state === 'cancelled' ? null : { code: 'answer_interrupted', message: 'It broke off.' };
        for (const text of ['', 'Half an']) {
          const { generation } = await ask(ports, person);
          const held = await claimed(ports, generation, owner);
          const given = answer({
            state,
            text,
            error,
            finishReason: state === 'cancelled' ? 'cancelled' : null,
            usage: null,
          });
          const outcome = await ports.generations.finish(held, owner, given, WINDOW);
          expect(outcome).toMatchObject({ kind: 'finished', generation: { state, error, receipt: { state, error } } });
          expect(await ports.conversations.message(person.userId, generation.id)).toMatchObject({
            content: text,
            status: state,
          });
        }
      },
    );

    test('cleans NUL away and keeps everything else, however large', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const text = `\u0000start\u0000 ${'żółć 漢字 🦆\n\t\\u0000 \\ \' "'.repeat(20_000)} end\u0000`;
      const { generation } = await ask(ports, person, { content: `a\u0000b`, title: 'ti\u0000tle' });
      const owner = await living(store);
      const held = await claimed(ports, generation, owner);
      const given = answer({ text, reasoning: 'r\u0000r', error: { code: 'internal', message: 'e\u0000e' } });
      expect((await ports.generations.finish(held, owner, given, WINDOW)).kind).toBe('finished');
      const message = await ports.conversations.message(person.userId, generation.id);
      expect(message?.content === text.replaceAll('\u0000', '')).toBe(true);
      expect(message?.reasoning).toBe('rr');
      const question = await ports.conversations.message(person.userId, generation.requestMessageId);
      expect(question?.content).toBe('ab');
      const conversation = await ports.conversations.get(person.userId, generation.conversationNumber);
      expect(conversation?.title).toBe('title');
    });

    test('hands out what its place makes room for, already dispatched', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const accepted = await askTimes(ports, person, 4);
      expect(accepted.map(({ dispatched }) => dispatched.length)).toEqual([1, 1, 0, 0]);
      const owner = await living(store);
      const held = await claimed(ports, accepted[0]!.generation, owner);
      const outcome = await ports.generations.finish(held, owner, answer(), WINDOW);
      const third = accepted[2]!.generation;
      expect(outcome).toMatchObject({
        kind: 'finished',
        dispatched: [{ id: third.id, userId: person.userId, lane: 'chat', tokens: 64 }],
      });
      expect(await ports.outbox.dispatchNext(person.userId, WINDOW)).toEqual([]);
    });
  });
}

function describeStop(store: () => StoreHarness): void {
  describe('stop', () => {
    test('cancels a queued one at once, with an empty message, and makes room', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const [first, , third] = await askTimes(ports, person, 3);
      const outcome = await ports.generations.stop(first!.generation, WINDOW);
      expect(outcome).toMatchObject({
        kind: 'cancelled',
        generation: {
          state: 'cancelled',
          finishReason: 'cancelled',
          receipt: { state: 'cancelled', worker: null, finish_reason: 'cancelled', attempts: 0 },
        },
        dispatched: [{ id: third!.generation.id }],
      });
      expect(await ports.conversations.message(person.userId, first!.generation.id)).toMatchObject({
        content: '',
        status: 'cancelled',
        parentId: first!.generation.requestMessageId,
      });
      expect((await ports.generations.claim(first!.generation, newOwner())).kind).toBe('terminal');
    });

    test('marks a running one and names its owner; the mark outlives a takeover', async () => {
      const { ports, killOwner } = store();
      const { generation } = await ask(ports, await newPerson(ports));
      const owner = await living(store);
      const held = await claimed(ports, generation, owner);
      for (let times = 0; times < 2; times++) {
        const outcome = await ports.generations.stop(generation, WINDOW);
        expect(outcome).toMatchObject({
          kind: 'running',
          owner,
          generation: { state: 'running', stopRequested: true },
        });
      }
      expect(await ports.generations.heartbeat(owner, [held])).toEqual(new Map([[held.id, 'stop']]));
      await killOwner(owner);
      const outcome = await ports.generations.claim(generation, newOwner());
      expect(outcome).toMatchObject({ kind: 'claimed', generation: { stopRequested: true } });
    });

    test('leaves a finished one as it is, twice cancelled included', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const done = await answered(ports, person);
      expect(await ports.generations.stop(done, WINDOW)).toEqual({ kind: 'terminal', generation: done });
      const { generation } = await ask(ports, person);
      await ports.generations.stop(generation, WINDOW);
      expect(await ports.generations.stop(generation, WINDOW)).toMatchObject({
        kind: 'terminal',
        generation: { state: 'cancelled' },
      });
    });

    test('does not know a foreign or unknown one', async () => {
      const { ports } = store();
      const { generation } = await ask(ports, await newPerson(ports));
      const stranger = await newPerson(ports);
      expect(await ports.generations.stop({ id: generation.id, userId: stranger.userId }, WINDOW)).toBeNull();
      expect(await ports.generations.stop({ id: newId(), userId: generation.userId }, WINDOW)).toBeNull();
      expect(await ports.generations.find(generation.id)).toMatchObject({ state: 'queued' });
    });

    test('racing finish: the answer stands, and stop tells one truth', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const owner = await living(store);
      for (let round = 0; round < 5; round++) {
        const { generation } = await ask(ports, person);
        const held = await claimed(ports, generation, owner);
        const [finished, stopped] = await Promise.all([
          ports.generations.finish(held, owner, answer(), WINDOW),
          ports.generations.stop(generation, WINDOW),
        ]);
        expect(finished.kind).toBe('finished');
        expect(['running', 'terminal']).toContain(stopped?.kind);
        expect(await ports.generations.find(generation.id)).toMatchObject({ state: 'done' });
      }
    });

    test('racing claim: cancelled, or claimed with the mark to be found', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const owner = await living(store);
      for (let round = 0; round < 5; round++) {
        const { generation } = await ask(ports, person);
        const [claim, stopped] = await Promise.all([
          ports.generations.claim(generation, owner),
          ports.generations.stop(generation, WINDOW),
        ]);
        if (claim.kind === 'claimed') {
          expect(stopped).toMatchObject({ kind: 'running', owner });
          const held = { ...generation, epoch: claim.generation.epoch };
          expect(await ports.generations.heartbeat(owner, [held])).toEqual(new Map([[held.id, 'stop']]));
        } else {
          expect([claim.kind, stopped?.kind]).toEqual(['terminal', 'cancelled']);
        }
      }
    });
  });
}

function describeRelease(store: () => StoreHarness): void {
  describe('release', () => {
    test('with a delay: not due until then, its place free meanwhile, the attempt counted', async () => {
      const { ports, advance } = store();
      const person = await newPerson(ports);
      const [first, , third] = await askTimes(ports, person, 3);
      const owner = await living(store);
      const held = await claimed(ports, first!.generation, owner);
      const how = { delayMs: 30_000, countAttempt: true, error: 'upstream said no' };
      expect(await ports.generations.release(held, owner, how)).toBe(true);
      expect(await ports.generations.find(held.id)).toMatchObject({
        state: 'queued',
        owner: null,
        attempts: 1,
        epoch: 1,
      });
      const early = await ports.generations.claim(held, newOwner());
      if (early.kind !== 'not-due') throw new Error(`expected not-due, got ${early.kind}`);
      expect(early.delayMs).toBeGreaterThan(20_000);
      expect(early.delayMs).toBeLessThanOrEqual(30_000);
      expect((await ports.outbox.dispatchNext(person.userId, WINDOW)).map((job) => job.id)).toEqual([
        third!.generation.id,
      ]);

      await ports.generations.stop(third!.generation, WINDOW);
      await advance(30_000);
      expect((await sweepFor(ports, person)).waiting).toBe(true);
      expect((await ports.outbox.dispatchNext(person.userId, WINDOW)).map((job) => job.id)).toEqual([held.id]);
      expect(await ports.generations.claim(held, newOwner())).toMatchObject({
        kind: 'claimed',
        generation: { epoch: 2, attempts: 2 },
      });
    });

    test('at once, for a drain: claimable by the next, in its place, the attempt taken back', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const [first] = await askTimes(ports, person, 3);
      const owner = await living(store);
      const held = await claimed(ports, first!.generation, owner);
      expect(await ports.generations.release(held, owner, { delayMs: 0, countAttempt: false })).toBe(true);
      expect(await ports.generations.release(held, owner, { delayMs: 0, countAttempt: false })).toBe(false);
      expect(await ports.outbox.dispatchNext(person.userId, WINDOW)).toEqual([]);
      expect(await ports.generations.claim(held, newOwner())).toMatchObject({
        kind: 'claimed',
        generation: { epoch: 2, attempts: 1 },
      });
    });

    test('keeps the stop mark, so that the next owner cancels', async () => {
      const { ports } = store();
      const { generation } = await ask(ports, await newPerson(ports));
      const owner = await living(store);
      const held = await claimed(ports, generation, owner);
      await ports.generations.stop(held, WINDOW);
      await ports.generations.release(held, owner, { delayMs: 0, countAttempt: false });
      expect(await ports.generations.claim(held, newOwner())).toMatchObject({
        kind: 'claimed',
        generation: { stopRequested: true },
      });
    });
  });
}
