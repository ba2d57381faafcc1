import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Delivery, GenerationQueue, LaneConsumer } from '../../src/ports/generation-queue.ts';
import type { GenerationJob } from '../../src/ports/generations.ts';
import { ChatError } from '../../src/protocol/errors.ts';
import type { Lane } from '../../src/protocol/generation.ts';
import { until } from './until.ts';

export type GenerationQueueHarness = AsyncDisposable & {
  queue: GenerationQueue;
  /** Resolves when what can be delivered has been. */
  settle(): Promise<void>;
  /** The process of this consumer dies. */
  vanish(consumer: LaneConsumer): Promise<void>;
  loseAll(): Promise<void>;
  /** Out of reach; then back, with its jobs. */
  down(on: boolean): Promise<void>;
};

/** `maxLength`: of each lane. */
export type GenerationQueueAdapter = { start(options: { maxLength: number }): Promise<GenerationQueueHarness> };

const MAX_LENGTH = 50;

export function generationQueueContract(name: string, adapter: GenerationQueueAdapter): void {
  describe(`generation queue: ${name}`, () => {
    let harness: GenerationQueueHarness;
    let queue: GenerationQueue;

    beforeEach(async () => {
      harness = await adapter.start({ maxLength: MAX_LENGTH });
      queue = harness.queue;
    });
    afterEach(() => harness[Symbol.asyncDispose]());

    const ready = async (lane: Lane, count: number) =>
      until(async () => (await queue.stats())[lane].messageCount === count);

    it('delivers a lane in order, and only that lane', async () => {
      const jobs = makeJobs('chat', 10);
      await queue.publish([...jobs, ...makeJobs('batch', 3)]);
      const { got, consumer } = await collect(queue, 'chat');
      consumer.allow(20);
      await until(() => got.length === 10);
      await harness.settle();
      expect(got.map(({ job }) => job)).toEqual(jobs);
      await ready('batch', 3);
    });

    it('delivers nothing before it is allowed', async () => {
      await queue.publish(makeJobs('chat', 3));
      const { got, consumer } = await collect(queue, 'chat');
      await harness.settle();
      expect(got).toEqual([]);
      consumer.allow(1);
      await until(() => got.length === 1);
    });

    it('keeps at most the allowed number unsettled', async () => {
      await queue.publish(makeJobs('stream', 10));
      const { got, consumer } = await collect(queue, 'stream');
      consumer.allow(3);
      await until(() => got.length === 3);
      await harness.settle();
      expect(got).toHaveLength(3);
      got[0]?.ack();
      await until(() => got.length === 4);
      consumer.allow(5);
      await until(() => got.length === 6);
      consumer.allow(1);
      for (const delivery of got.slice(1)) delivery.ack();
      await until(() => got.length === 7);
      await harness.settle();
      expect(got).toHaveLength(7);
    });

    it('delivers what is published later', async () => {
      const { got, consumer } = await collect(queue, 'chat');
      consumer.allow(5);
      const [job] = makeJobs('chat', 1);
      await queue.publish([job as GenerationJob]);
      await until(() => got.length === 1);
      expect(got[0]?.job).toEqual(job);
    });

    it('shares a lane between its consumers', async () => {
      const [a, b] = [await collect(queue, 'chat'), await collect(queue, 'chat')];
      a.consumer.allow(2);
      b.consumer.allow(2);
      await queue.publish(makeJobs('chat', 20));
      const ids = () => [...a.got, ...b.got].map(({ job }) => job.id);
      for (let settled = 0; settled < 20; ) {
        await until(() => a.got.length + b.got.length > settled);
        for (const { got } of [a, b]) {
          for (const delivery of got.filter((one) => !one.settled)) {
            delivery.ack();
            settled++;
          }
        }
      }
      expect(new Set(ids()).size).toBe(20);
      expect(Math.min(a.got.length, b.got.length)).toBeGreaterThanOrEqual(5);
    });

    it('delivers again what is given back, after its delay, with nothing lost meanwhile', async () => {
      const [first, second] = makeJobs('chat', 2) as [GenerationJob, GenerationJob];
      await queue.publish([first]);
      const { got, consumer } = await collect(queue, 'chat');
      consumer.allow(1);
      await until(() => got.length === 1);
      got[0]?.requeue(300);
      await queue.publish([second]);
      await until(() => got.length === 2);
      expect(got[1]?.job).toEqual(second);
      got[1]?.ack();
      await until(() => got.length === 3);
      expect(got[2]?.job).toEqual(first);
      got[2]?.requeue(0);
      await until(() => got.length === 4);
      expect(got[3]?.job).toEqual(first);
    });

    it('delivers to another what a dead consumer left, and ignores what the dead one says', async () => {
      const jobs = makeJobs('chat', 3);
      await queue.publish(jobs);
      const dying = await collect(queue, 'chat');
      dying.consumer.allow(3);
      await until(() => dying.got.length === 3);
      dying.got[0]?.ack();
      await harness.settle();
      await harness.vanish(dying.consumer);
      const next = await collect(queue, 'chat');
      next.consumer.allow(5);
      await until(() => next.got.length === 2);
      expect(next.got.map(({ job }) => job)).toEqual(jobs.slice(1));
      dying.got[1]?.ack();
      dying.got[2]?.requeue(0);
      await harness.settle();
      expect(next.got).toHaveLength(2);
      await ready('chat', 0);
    });

    it('delivers no more to a consumer that is disposed of, and still takes its settlements', async () => {
      await queue.publish(makeJobs('chat', 3));
      const leaving = await collect(queue, 'chat');
      leaving.consumer.allow(2);
      await until(() => leaving.got.length === 2);
      await leaving.consumer[Symbol.asyncDispose]();
      await leaving.consumer[Symbol.asyncDispose]();
      leaving.got[0]?.ack();
      leaving.got[1]?.requeue(0);
      await harness.settle();
      expect(leaving.got).toHaveLength(2);
      await ready('chat', 2);
      const next = await collect(queue, 'chat');
      next.consumer.allow(5);
      await until(() => next.got.length === 2);
    });

    it('delivers again what a consumer left unsettled when it was disposed of and then died', async () => {
      await queue.publish(makeJobs('chat', 2));
      const leaving = await collect(queue, 'chat');
      leaving.consumer.allow(2);
      await until(() => leaving.got.length === 2);
      await leaving.consumer[Symbol.asyncDispose]();
      await harness.vanish(leaving.consumer);
      await ready('chat', 2);
    });

    it('refuses what does not fit, the whole of it, and says when to come again', async () => {
      await queue.publish(makeJobs('chat', MAX_LENGTH - 1));
      await ready('chat', MAX_LENGTH - 1);
      const refusal = await queue.publish([...makeJobs('batch', 1), ...makeJobs('chat', 2)]).catch((error) => error);
      expect(refusal).toBeInstanceOf(ChatError);
      expect(refusal).toMatchObject({ code: 'queue_full', retryAfterSeconds: expect.any(Number) });
      await harness.settle();
      expect(await queue.stats()).toMatchObject({ chat: { messageCount: MAX_LENGTH - 1 }, batch: { messageCount: 0 } });
      await queue.publish(makeJobs('batch', 1));
      await queue.publish(makeJobs('chat', 1));
    });

    it('publishes nothing for a caller that has given up', async () => {
      await expect(queue.publish(makeJobs('chat', 1), AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
      await harness.settle();
      expect((await queue.stats()).chat.messageCount).toBe(0);
    });

    it('counts ready jobs and consumers', async () => {
      await queue.publish([...makeJobs('chat', 3), ...makeJobs('stream', 1)]);
      const { got, consumer } = await collect(queue, 'chat');
      consumer.allow(1);
      await until(() => got.length === 1);
      await ready('chat', 2);
      expect(await queue.stats()).toEqual({
        stream: { messageCount: 1, consumerCount: 0 },
        chat: { messageCount: 2, consumerCount: 1 },
        batch: { messageCount: 0, consumerCount: 0 },
      });
      await consumer[Symbol.asyncDispose]();
      await until(async () => (await queue.stats()).chat.consumerCount === 0);
    });

    it('says that it is out of reach, and once back delivers what was out again', async () => {
      const { got, consumer } = await collect(queue, 'chat');
      consumer.allow(2);
      const jobs = makeJobs('chat', 3);
      await queue.publish(jobs);
      await until(() => got.length === 2);
      await harness.down(true);
      const refusal = await queue.publish(makeJobs('chat', 1)).catch((error) => error);
      expect(refusal).toBeInstanceOf(ChatError);
      expect(refusal).toMatchObject({ code: 'queue_unavailable' });
      expect(queue.isAvailable).toBe(false);
      got[0]?.ack();
      await harness.down(false);
      await until(() => got.length === 4);
      got[2]?.ack();
      await until(() => got.length === 5);
      // In any order: a broker that died does not keep it.
      const ids = (some: readonly { id: string }[]) => some.map(({ id }) => id).toSorted();
      expect(ids(got.slice(2).map(({ job }) => job))).toEqual(ids(jobs));
    });

    it('goes on after it has lost everything', async () => {
      const { got, consumer } = await collect(queue, 'chat');
      consumer.allow(1);
      await queue.publish(makeJobs('chat', 3));
      await until(() => got.length === 1);
      await harness.loseAll();
      await ready('chat', 0);
      got[0]?.requeue(0);
      const [job] = makeJobs('chat', 1);
      await queue.publish([job as GenerationJob]);
      await until(() => got.some((delivery) => delivery.job.id === job?.id));
    });
  });
}

type Collected = Delivery & { settled: boolean };

async function collect(queue: GenerationQueue, lane: Lane): Promise<{ got: Collected[]; consumer: LaneConsumer }> {
  const got: Collected[] = [];
  const consumer = await queue.consume(lane, (delivery) => {
    const collected: Collected = {
      job: delivery.job,
      settled: false,
      ack: () => {
        collected.settled = true;
        delivery.ack();
      },
      requeue: (delayMs) => {
        collected.settled = true;
        delivery.requeue(delayMs);
      },
    };
    got.push(collected);
  });
  return { got, consumer };
}

function makeJobs(lane: Lane, count: number): GenerationJob[] {
  return Array.from({ length: count }, () => ({ id: randomUUID(), userId: randomUUID(), lane }));
}
