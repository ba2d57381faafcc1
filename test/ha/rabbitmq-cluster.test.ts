import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RabbitMqGenerationQueue } from '../../src/adapters/rabbitmq/generation-queue.ts';
import type { GenerationJob } from '../../src/ports/generations.ts';
import { LANES } from '../../src/protocol/generation.ts';
import { pause, until } from '../contracts/until.ts';
import { startTestRabbitMq, type TestRabbitMq } from '../support/rabbitmq.ts';

const JOBS = 900;
/** A refusal takes between nothing and the five seconds that a confirm is waited for. */
const MOST_TRIES = 500;

let cluster: TestRabbitMq;

beforeAll(async () => {
  cluster = await startTestRabbitMq({ nodes: 3 });
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

describe('three RabbitMQ nodes', () => {
  it.each([0, 1, 2])('lose node %i under load, and nothing with it', async (victim) => {
    const processes = Array.from(
      { length: 3 },
      (_, n) => new RabbitMqGenerationQueue({ uri: cluster.uri, name: `ha ${n}`, maxLength: 10_000 }),
    );
    try {
      await until(() => processes.every((queue) => queue.trouble === null));
      const got = new Map<string, number>();
      for (const queue of processes.slice(1)) await consumeAll(queue, got);
      const confirmed: string[] = [];
      let refused = 0;
      const publishing = (async () => {
        for (let n = 0; n < JOBS; n++) {
          const job: GenerationJob = { id: randomUUID(), userId: randomUUID(), lane: LANES[n % 3]! };
          // As the sweeper would: again until it is taken.
          for (let tries = 1; ; tries++) {
            const refusal = await refusalOf(processes[n % processes.length]!, job);
            if (refusal === null) break;
            if (tries === MOST_TRIES) throw new Error(`job ${n} of lane ${job.lane} is not taken`, { cause: refusal });
            refused++;
            await pause(20);
          }
          confirmed.push(job.id);
        }
      })();
      publishing.catch(() => undefined); // It is awaited below.
      await until(() => confirmed.length > JOBS / 3);
      await cluster.nodes[victim]!.kill();
      await publishing;
      await until(() => confirmed.every((id) => got.has(id)));
      const doubled = [...got.values()].filter((times) => times > 1).length;
      console.info(
        `node ${victim}: ${confirmed.length} jobs, ${refused} publishes refused, ${doubled} delivered again`,
      );
      expect(confirmed).toHaveLength(JOBS);
    } finally {
      await Promise.all(processes.map((queue) => queue[Symbol.asyncDispose]()));
    }
    await cluster.nodes[victim]!.start();
    await cluster.control('await_online_nodes', '3', '--timeout', '60');
  });
});

async function consumeAll(queue: RabbitMqGenerationQueue, got: Map<string, number>): Promise<void> {
  for (const lane of LANES) {
    const consumer = await queue.consume(lane, (delivery) => {
      got.set(delivery.job.id, (got.get(delivery.job.id) ?? 0) + 1);
      setTimeout(() => delivery.ack(), 5);
    });
    consumer.allow(10);
  }
}

function refusalOf(queue: RabbitMqGenerationQueue, job: GenerationJob): Promise<unknown> {
  return queue.publish([job]).then(
    () => null,
    (error: unknown) => error,
  );
}
