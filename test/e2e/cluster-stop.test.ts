import { afterAll, beforeAll, expect, test } from 'vitest';
import { AnswerReader } from '../support/answer-reader.ts';
import { eventually, startTestCluster, type TestCluster } from '../support/cluster.ts';
import { clientOf, metricOf, ownerName, question } from '../support/cluster-client.ts';
import { answerText } from '../support/fake-upstream.ts';

const LONG = '[[tokens:3000]]';

/** Whatever becomes of the word to its owner, a stop is for good. */
let cluster: TestCluster;
let client: ReturnType<typeof clientOf>;
beforeAll(async () => {
  cluster = await startTestCluster({ upstream: { length: 40, paceMs: 15 }, settings: { LEASE_MS: '3000' } });
  client = clientOf(cluster);
}, 180_000);
afterAll(() => cluster?.[Symbol.asyncDispose](), 60_000);

const WORKERS = ['worker-1', 'worker-2'];
const other = (at: string): string => cluster.apis.find((each) => each !== at)!;

type Running = { id: string; message: string; reader: AnswerReader; reading: Promise<AnswerReader>; owner: string };

/** A long answer under way, and the name of the part that writes it. */
async function running(user: string, at: string): Promise<Running> {
  const message = question(LONG);
  const id = await client.send(user, message, { at });
  const reader = new AnswerReader({ url: at, key: cluster.key }, id);
  const reading = reader.follow();
  await reader.hasBytes(60);
  const { owner } = (await client.row(id))!;
  const names = await Promise.all(WORKERS.map(async (name) => [name, await ownerName(cluster.part(name))] as const));
  return { id, message, reader, reading, owner: names.find(([, ownerId]) => ownerId === owner)![0] };
}

async function isCancelled({ id, message, reader, reading }: Running): Promise<void> {
  await reading;
  expect(reader.receipts[0]).toMatchObject({ state: 'cancelled', finish_reason: 'cancelled' });
  expect(answerText(message, 3000).startsWith(reader.text.toString())).toBe(true);
  expect(reader.faults).toEqual([]);
  expect((await client.row(id))!.state).toBe('cancelled');
  expect((await client.answered(id)).response).toBe(reader.text.toString());
}

const modelIsLeft = () => eventually('the model is left', () => cluster.upstream.counts.open === 0);
const acknowledged = (at: string) => metricOf([at], cluster.key, 'chat_stops_total', 'result="acknowledged"');

test('the owner acknowledges a stop sent to another replica; again, it is answered as it ended', async () => {
  for (const at of cluster.apis) {
    const answer = await running('told', other(at));
    const before = await acknowledged(at);
    expect((await client.stop(answer.id, at)).json.state).toBe('cancelled');
    expect(await acknowledged(at)).toBe(before + 1);
    await modelIsLeft();
    await isCancelled(answer);
    expect((await client.stop(answer.id, other(at))).json.state).toBe('cancelled');
  }
});

test('the word to the owner is lost with a Redis that hangs: its heartbeat finds the mark', async () => {
  const [at] = cluster.apis as [string];
  const answer = await running('unheard', other(at));
  cluster.part('redis-state').signal('SIGSTOP');
  try {
    // Named, not waited for: the owner has it in its database.
    const stopped = await client.stop(answer.id, at);
    expect(stopped.status).toBe(200);
    await modelIsLeft();
  } finally {
    cluster.part('redis-state').signal('SIGCONT');
  }
  await isCancelled(answer);
  await client.isHealthy();
});

test('a paused owner does not acknowledge: the stop stands, and it obeys when it wakes', async () => {
  const [at] = cluster.apis as [string];
  const answer = await running('asleep', at);
  const owner = cluster.part(answer.owner);
  owner.signal('SIGSTOP');
  try {
    const stopped = await client.stop(answer.id, other(at));
    expect([stopped.status, stopped.json.state]).toEqual([200, 'running']);
    await isCancelled(answer);
  } finally {
    owner.signal('SIGCONT');
  }
  await modelIsLeft();
});

test('a generation whose owner was just killed is stopped, and never asked for again', async () => {
  for (const at of cluster.apis) {
    const answer = await running('orphan', other(at));
    await cluster.part(answer.owner).kill();
    const { requests } = cluster.upstream.counts;
    const stopped = await client.stop(answer.id, at);
    expect(stopped.status).toBe(200);
    await isCancelled(answer);
    expect(cluster.upstream.counts.requests).toBe(requests);
    await cluster.part(answer.owner).start();
    await modelIsLeft();
  }
});

test('with nobody left to take it over, a stop is kept until somebody is', async () => {
  const [at] = cluster.apis as [string];
  const answer = await running('abandoned', at);
  await Promise.all(WORKERS.map((name) => cluster.part(name).kill()));
  const { requests } = cluster.upstream.counts;
  expect((await client.stop(answer.id, other(at))).json.state).toBe('running');
  await cluster.part('worker-2').start();
  await isCancelled(answer);
  expect(cluster.upstream.counts.requests).toBe(requests);
  await cluster.part('worker-1').start();
});

test('one that waits is stopped at any replica and never begun; its reader has the end', async () => {
  await Promise.all(WORKERS.map((name) => cluster.part(name).stop()));
  const { requests } = cluster.upstream.counts;
  for (const at of cluster.apis) {
    const id = await client.send('waiting', question(), { at });
    const reader = new AnswerReader({ url: at, key: cluster.key }, id);
    const reading = reader.follow();
    expect((await client.stop(id, other(at))).json).toMatchObject({ state: 'cancelled' });
    await reading;
    expect(reader.errors.map(({ code }) => code)).toEqual(['answer_stopped']);
  }
  await Promise.all(WORKERS.map((name) => cluster.part(name).start()));
  const message = question();
  expect((await client.answered(await client.send('waiting', message))).response).toBe(answerText(message, 40));
  expect(cluster.upstream.counts.requests).toBe(requests + 1);
});

test('after the end, a stop changes nothing', async () => {
  const message = question();
  const id = await client.send('late', message);
  await client.answered(id);
  for (const at of [cluster.url, ...cluster.apis]) {
    expect((await client.stop(id, at)).json).toMatchObject({ state: 'done', receipt: { finish_reason: 'stop' } });
  }
  expect((await client.answered(id)).response).toBe(answerText(message, 40));
});
