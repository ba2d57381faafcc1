import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AnswerReader } from '../support/answer-reader.ts';
import { startTestCluster, type TestCluster } from '../support/cluster.ts';
import { clientOf, metricOf, question } from '../support/cluster-client.ts';
import { answerText } from '../support/fake-upstream.ts';

const ANSWERS = 24;
const LENGTH = 400;
const LEASE_MS = 3_000;

/** A restart frees every lock under which owners live: they are to keep what they have all the same. */
let cluster: TestCluster;
let client: ReturnType<typeof clientOf>;
beforeAll(async () => {
  cluster = await startTestCluster({
    nginx: false,
    upstream: { length: LENGTH, paceMs: 40 },
    settings: { LEASE_MS: String(LEASE_MS) },
  });
  client = clientOf(cluster);
}, 180_000);
afterAll(() => cluster?.[Symbol.asyncDispose](), 60_000);

const SHARDS = ['shard-1', 'shard-2'];
const parts = () => SHARDS.map((name) => cluster.part(name));

test.each([
  [
    'each restarted in turn',
    async () => {
      for (const part of parts()) {
        await part.stop();
        await part.start();
        await sleep(1_000);
      }
    },
  ],
  [
    'both killed at once',
    async () => {
      await Promise.all(parts().map((part) => part.kill()));
      await Promise.all(parts().map((part) => part.start()));
    },
  ],
  [
    'both away for longer than a lease',
    async () => {
      await Promise.all(parts().map((part) => part.kill()));
      await sleep(2 * LEASE_MS);
      await Promise.all(parts().map((part) => part.start()));
    },
  ],
])('PostgreSQL %s under load: nothing is taken from living owners', async (_, restart) => {
  const asked = await Promise.all(
    Array.from({ length: ANSWERS }, async (_, n) => {
      const message = question();
      return { message, id: await client.send(`steady-${n}`, message, { at: cluster.apis[n % 2]! }) };
    }),
  );
  const readers = asked.map(({ id }, n) => new AnswerReader({ url: cluster.apis[n % 2]!, key: cluster.key }, id));
  const reading = Promise.all(readers.map((reader) => reader.follow()));
  await Promise.all(readers.map((reader) => reader.hasBytes(50)));
  expect(readers.some(({ ended }) => ended)).toBe(false);

  await restart();
  await reading;
  for (const [n, reader] of readers.entries()) {
    expect(reader.text.toString()).toBe(answerText(asked[n]!.message, LENGTH));
    expect([reader.faults, reader.errors, reader.rewinds]).toEqual([[], [], 0]);
  }
  for (const { id } of asked) expect(await client.row(id)).toMatchObject({ state: 'done', epoch: 1, attempts: 1 });
  const servers = ['api-1', 'api-2', 'worker-1', 'worker-2'].map((name) => cluster.part(name).spec.address!);
  for (const name of ['chat_takeovers_total', 'chat_leases_lost_total', 'chat_fenced_total', 'chat_dead_letters']) {
    expect([name, await metricOf(servers, cluster.key, name)]).toEqual([name, 0]);
  }
});
