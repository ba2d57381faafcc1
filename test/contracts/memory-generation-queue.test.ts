import { describe, expect, it } from 'vitest';
import { MemoryGenerationQueue } from '../../src/adapters/memory/generation-queue.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import { generationQueueContract } from './generation-queue.contract.ts';
import { ManualClock } from './manual-clock.ts';

generationQueueContract('memory', {
  start: async ({ maxLength }) => {
    const queue = new MemoryGenerationQueue({ clock: new SystemClock(), maxLength });
    return {
      queue,
      settle: () => new Promise<void>((resolve) => setImmediate(resolve)),
      vanish: async (consumer) => queue.vanish(consumer),
      loseAll: async () => queue.loseAll(),
      down: async (on) => queue.down(on),
      [Symbol.asyncDispose]: () => queue[Symbol.asyncDispose](),
    };
  },
});

describe('the memory queue', () => {
  it('counts a delayed job to its length, and delivers it when it is due', async () => {
    const clock = new ManualClock();
    await using queue = new MemoryGenerationQueue({ clock, maxLength: 1 });
    const job = (id: string) => ({ id, userId: 'u', lane: 'chat' as const });
    const got: string[] = [];
    await queue.publish([job('a')]);
    const consumer = await queue.consume('chat', (delivery) => {
      got.push(delivery.job.id);
      if (got.length === 1) delivery.requeue(1000);
    });
    consumer.allow(1);
    await clock.advance(999);
    expect(got).toEqual(['a']);
    await expect(queue.publish([job('b')])).rejects.toMatchObject({ code: 'queue_full' });
    await clock.advance(1);
    expect(got).toEqual(['a', 'a']);
  });

  it('refuses to settle a delivery twice', async () => {
    await using queue = new MemoryGenerationQueue({ clock: new SystemClock() });
    await queue.publish([{ id: 'a', userId: 'u', lane: 'chat' }]);
    await new Promise<void>((resolve) => {
      void queue
        .consume('chat', (delivery) => {
          delivery.ack();
          expect(() => delivery.requeue(0)).toThrow('once');
          resolve();
        })
        .then((consumer) => consumer.allow(1));
    });
    expect((await queue.stats()).chat.messageCount).toBe(0);
  });

  it('takes turns among consumers', async () => {
    await using queue = new MemoryGenerationQueue({ clock: new SystemClock() });
    const got: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      const consumer = await queue.consume('chat', () => got.push(name));
      consumer.allow(10);
    }
    await queue.publish(Array.from({ length: 9 }, (_, n) => ({ id: `${n}`, userId: 'u', lane: 'chat' as const })));
    await new Promise(setImmediate);
    expect(got.join('')).toBe('abcabcabc');
  });
});
