import { describe, expect, it } from 'vitest';
import { chooseMember } from '../../src/adapters/pool/choose-member.ts';
import { PooledInference } from '../../src/adapters/pool/inference.ts';
import { RetryBudget } from '../../src/adapters/pool/retry-budget.ts';
import { InferenceError, type ModelInfo } from '../../src/ports/inference.ts';
import { answerText, type FakeUpstreamOptions, startFakeUpstream } from '../support/fake-upstream.ts';
import { openAgainst } from '../support/upstream-inference.ts';
import { ask, inferenceContract } from './inference.contract.ts';
import { until } from './until.ts';

const MODEL = 'chat';
const PROBES = { first: 10, longest: 40 };

const openPool = (...servers: FakeUpstreamOptions[]) => openPoolWith({}, ...servers);

async function openPoolWith(options: { retryWithinMs?: number }, ...servers: FakeUpstreamOptions[]) {
  const stack = new AsyncDisposableStack();
  const upstreams = await Promise.all(servers.map((options) => startFakeUpstream(options)));
  for (const upstream of upstreams) stack.use(upstream);
  const members = await Promise.all(
    upstreams.map(async (upstream, index) => ({
      source: { name: `s${index}`, inference: stack.use(await openAgainst(upstream)) },
      servedAs: 'fake',
      weight: 1,
    })),
  );
  const describe = (listed: ModelInfo | undefined): ModelInfo => ({ ...listed!, id: MODEL });
  const models = [{ id: MODEL, members, sampling: { temperature: 0.3, topP: 0.8, presencePenalty: 1 }, describe }];
  const inference = stack.use(new PooledInference({ models, probeDelays: PROBES, ...options }));
  return { inference, upstreams, model: MODEL, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

inferenceContract('a pool of servers', async ({ paceMs }) => {
  const pool = await openPool({ paceMs }, { paceMs });
  return { ...pool, close: () => pool[Symbol.asyncDispose]() };
});

/** An answer of either server. */
const askOne = (pool: Awaited<ReturnType<typeof openPool>>, content: string) =>
  ask(pool, { content, maxTokens: 20, affinity: content });
const requests = ({ upstreams }: Awaited<ReturnType<typeof openPool>>) =>
  upstreams.map(({ counts }) => counts.requests);
const questions = (count: number) => Array.from({ length: count }, (_, index) => `question ${index}`);

it('samples as the file has it for the model, where a request says nothing else', async () => {
  await using pool = await openPool({});
  const messages = [{ role: 'user' as const, content: 'q' }];
  const prefix = { text: '', reasoning: '' };
  const request = { model: MODEL, messages, prefix, maxTokens: 20, affinity: 'q', lane: 'stream' as const };
  const sink = { prompted() {}, text() {}, reasoning() {}, toolCall() {} };
  const { signal } = new AbortController();
  await pool.inference.generate(request, sink, signal);
  await pool.inference.generate({ ...request, temperature: 0.9 }, sink, signal);
  const own = { top_p: 0.8, presence_penalty: 1 };
  expect(pool.upstreams[0]!.seen.map(({ body }) => body)).toMatchObject([
    { temperature: 0.3, ...own },
    { temperature: 0.9, ...own },
  ]);
});

describe('a server that fails before the first word', () => {
  it('costs its callers nothing, is left out, and comes back with one token', async () => {
    await using pool = await openPool({}, {});
    const sick = pool.upstreams[0]!;
    Object.assign(sick.options, { failsWith: 500 });
    for (const question of questions(30)) expect((await askOne(pool, question)).text).toBe(answerText(question, 20));
    const asked = sick.counts.requests;
    expect(asked).toBeLessThan(15);
    expect(await pool.inference.health()).toMatchObject({ status: 'up', detail: expect.stringContaining('s0') });

    Object.assign(sick.options, { failsWith: undefined });
    await until(async () => !(await pool.inference.health()).detail.includes('s0'));
    const before = sick.counts.requests;
    for (const question of questions(30)) await askOne(pool, question);
    expect(sick.counts.requests).toBeGreaterThan(before + 5);
  });

  it('that refuses our key comes last, and its quick failures draw nobody', async () => {
    await using pool = await openPool({}, {});
    Object.assign(pool.upstreams[0]!.options, { failsWith: 401 });
    for (const question of questions(20)) expect((await askOne(pool, question)).text).toBe(answerText(question, 20));
    expect(pool.upstreams[0]!.counts.requests).toBe(1);
  });

  it('is left alone for as long as it says', async () => {
    await using pool = await openPool({}, {});
    Object.assign(pool.upstreams[0]!.options, { failsWith: 503, retryAfter: 60 });
    for (const question of questions(20)) expect((await askOne(pool, question)).text).toBe(answerText(question, 20));
    expect(pool.upstreams[0]!.counts.requests).toBe(1);
    Object.assign(pool.upstreams[1]!.options, { failsWith: 429, retryAfter: 30 });
    await expect(askOne(pool, 'q')).rejects.toMatchObject({ kind: 'rate_limited', retryAfterMs: 30_000, server: 's1' });
    // Nobody is asked now, and it is said when that ends.
    const told = await askOne(pool, 'q').catch((error: unknown) => error);
    expect(told).toMatchObject({ kind: 'overloaded' });
    expect((told as InferenceError).retryAfterMs).toBeGreaterThan(25_000);
    expect(requests(pool).reduce((a, b) => a + b)).toBe(1 + 20 + 1);
  });

  it('is where it ends for a request that has waited for too long', async () => {
    await using pool = await openPoolWith({ retryWithinMs: 0 }, { failsWith: 500 }, { failsWith: 500 });
    await expect(askOne(pool, 'q')).rejects.toMatchObject({ kind: 'engine' });
    expect(requests(pool).reduce((a, b) => a + b)).toBe(1);
  });

  it('all of them: the failure stands, and retries stay within their budget', async () => {
    await using pool = await openPool({}, {}, {});
    for (const { options } of pool.upstreams) Object.assign(options, { failsWith: 503 });
    const failures = await Promise.all(
      questions(200).map((each) => askOne(pool, each).catch((error: unknown) => error)),
    );
    expect(failures.every((each) => each instanceof InferenceError && each.kind === 'overloaded')).toBe(true);
    const sent = requests(pool).reduce((a, b) => a + b);
    expect(sent).toBeGreaterThan(200);
    expect(sent).toBeLessThanOrEqual(200 + 20 + 10);
  });
});

describe('the choice of a server', () => {
  const servers = (...outstanding: number[]) => outstanding.map((each, id) => ({ id, weight: 1, outstanding: each }));

  it('is the same for a conversation, while that server has its share', () => {
    const first = chooseMember(servers(0, 0, 0, 0), 'c', Math.random)!;
    for (let i = 0; i < 20; i++) expect(chooseMember(servers(0, 0, 0, 0), 'c', Math.random)!.id).toBe(first.id);
    const loaded = servers(2, 2, 2, 2);
    loaded[first.id]!.outstanding = 9;
    for (let i = 0; i < 20; i++) expect(chooseMember(loaded, 'c', Math.random)!.id).not.toBe(first.id);
  });

  it('spreads conversations by weight, and streams that last evenly', () => {
    const members = [1, 3].map((weight, id) => ({ id, weight, outstanding: 0 }));
    for (let i = 0; i < 400; i++) chooseMember(members, `c${i}`, Math.random)!.outstanding++;
    expect(members[0]!.outstanding).toBeGreaterThan(70);
    expect(members[0]!.outstanding).toBeLessThan(130);
  });
});

it('a budget of retries is a tenth of the requests', () => {
  const budget = new RetryBudget();
  let retries = 0;
  for (let i = 0; i < 1000; i++) {
    budget.deposit();
    if (budget.withdraw()) retries++;
  }
  expect(retries).toBeGreaterThanOrEqual(100);
  expect(retries).toBeLessThan(125);
});
