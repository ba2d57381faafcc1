import { connect } from 'amqplib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { laneQueue } from '../../src/adapters/rabbitmq/topology.ts';
import { eventually, startTestCluster, type TestCluster } from '../support/cluster.ts';
import { clientOf, question } from '../support/cluster-client.ts';
import { answerText } from '../support/fake-upstream.ts';
import type { Json } from '../support/http-client.ts';

let cluster: TestCluster;
let client: ReturnType<typeof clientOf>;
beforeAll(async () => {
  cluster = await startTestCluster({
    workers: 1,
    nginx: false,
    upstream: { length: 20 },
    settings: { MAX_ATTEMPTS: '2', MAX_TAKEOVERS: '2', RETRY_DELAY_MS: '50' },
  });
  client = clientOf(cluster);
}, 180_000);
afterAll(() => cluster?.[Symbol.asyncDispose](), 60_000);

const letters = async (): Promise<Json[]> => (await cluster.call('GET', '/dead-letters')).json.items;
const letterOf = (id: string) =>
  eventually(`${id} is a dead letter`, async () => (await letters()).find((letter) => letter.id === id));
const replay = (id: string) => cluster.call('POST', `/dead-letters/${id}/replay`);

test('an answer that fails every time is listed with its reason, replayed by a call, and answered', async () => {
  const asked = question('[[status:500]]');
  const id = await client.send('failing', asked);
  expect(await letterOf(id)).toMatchObject({ state: 'failed', error: { code: 'generation_failed' } });
  const listed = await cluster.command('dead-letters', 'list');
  expect(listed.out).toContain(id);
  const stranger = await cluster.call('GET', '/dead-letters', { key: cluster.otherKey });
  expect(stranger.json.items).toEqual([]);
  expect((await cluster.call('POST', `/dead-letters/${id}/replay`, { key: cluster.otherKey })).status).toBe(404);

  cluster.upstream.options.ignoresFaults = true;
  expect((await replay(id)).status).toBe(202);
  expect((await client.answered(id)).response).toBe(answerText(asked, 20));
  expect((await letters()).map((letter) => letter.id)).not.toContain(id);
  expect((await replay(id)).json.error).toMatchObject({ code: 'not_acceptable_state', details: { state: 'done' } });
  cluster.upstream.options.ignoresFaults = false;
});

test('one that kills its worker each time becomes a dead letter, and is replayed by a command', async () => {
  const asked = question('[[stall:5]]');
  const id = await client.send('deadly', asked);
  const worker = cluster.part('worker-1');
  for (let death = 1; death <= 3; death++) {
    await eventually(`it runs for the ${death}. time`, async () => {
      const row = await client.row(id);
      return row?.state === 'running' && row.epoch >= death;
    });
    await worker.kill();
    await worker.start();
  }
  expect((await letterOf(id)).error.message).toContain('3 processes died or hung over it');
  cluster.upstream.options.ignoresFaults = true;
  const replayed = await cluster.command('dead-letters', 'replay', id);
  expect(replayed).toMatchObject({ code: 0 });
  expect((await client.answered(id)).response).toBe(answerText(asked, 20));
  cluster.upstream.options.ignoresFaults = false;
});

test('what is no job is taken out of the lane and stops nobody', async () => {
  const broker = await connect(cluster.cluster.settings.RABBITMQ_URI!);
  const channel = await broker.createConfirmChannel();
  for (const body of ['no json', '{}', JSON.stringify({ id: 'x', userId: 'y', lane: 'stream' })]) {
    channel.sendToQueue(laneQueue('stream'), Buffer.from(body), { persistent: true });
  }
  await channel.waitForConfirms();
  await broker.close();
  const asked = question();
  const id = await client.send('bystander', asked);
  expect((await client.answered(id)).response).toBe(answerText(asked, 20));
  await eventually('the lane is empty', async () => {
    const { json } = await cluster.call('GET', '/debug/queue-stats');
    return json.stream_queue.message_count === 0;
  });
});
