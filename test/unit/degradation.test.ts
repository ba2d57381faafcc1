import { expect, test } from 'vitest';
import type { OpenAiHttpOptions } from '../../src/adapters/openai-http/options.ts';
import type { Receipt } from '../../src/protocol/generation.ts';
import { metrics } from '../../src/telemetry/metrics.ts';
import { pause } from '../contracts/until.ts';
import { AnswerReader } from '../support/answer-reader.ts';
import { answerText, type FakeUpstreamOptions, startFakeUpstream } from '../support/fake-upstream.ts';
import { call } from '../support/http-client.ts';
import { KEY, startMemoryStack } from '../support/memory-stack.ts';
import { openPool } from '../support/pooled-upstreams.ts';

type Setting = {
  large?: FakeUpstreamOptions;
  http?: Partial<OpenAiHttpOptions>;
  slots?: number;
  degradeAboveMs?: number;
  toolless?: boolean;
  /** Left alone for longer than the test takes. */
  unforgiving?: boolean;
};

/** `large`, which falls back to `small`, and `lone`, which falls back to nothing. */
async function open(setting: Setting = {}) {
  const { large = {}, http = {}, slots = 8, degradeAboveMs = 0, toolless = false, unforgiving = false } = setting;
  const stack = new AsyncDisposableStack();
  const main = await startFakeUpstream(large);
  stack.defer(() => main[Symbol.asyncDispose]());
  const light = stack.use(await startFakeUpstream({ ignoresFaults: true }));
  const capabilities = { tools: !toolless, jsonSchema: true, reasoning: false };
  const inference = stack.use(
    await openPool(
      [
        { id: 'large', fallback: 'small', servers: [main] },
        { id: 'small', capabilities, servers: [light] },
        { id: 'lone', servers: [main], contextWindow: 1024 },
      ],
      http,
      ...(unforgiving ? [{ first: 60_000, longest: 60_000 }] : []),
    ),
  );
  const runner = { maxAttempts: 5, degradeAboveMs };
  const server = stack.use(await startMemoryStack({ inference, slots, sweeps: true, runner }));
  const post = (path: string, body: object) => call(server.url, 'POST', path, { key: KEY, body });
  return {
    main,
    light,
    post,
    /** The text, and what the receipt says. */
    async ask(message: string, more: object = {}): Promise<{ text: string; receipt: Receipt }> {
      const accepted = await post('/stream-chat', { user_id: 'ada', message, max_tokens: 64, ...more });
      const reader = await new AnswerReader({ url: server.url, key: KEY }, accepted.json.correlation_id).follow();
      return { text: reader.text.toString(), receipt: reader.receipts[0]! };
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const lighter = (reason: string) => [{ what: 'model', from: 'large', to: 'small', reason }];
async function counted(what: string, reason: string): Promise<number> {
  const { values } = await metrics.degraded.get();
  return values.find(({ labels }) => labels.what === what && labels.reason === reason)?.value ?? 0;
}

test('a model that answers is not replaced, and the receipt says nothing', async () => {
  await using world = await open();
  expect((await world.ask('Hello')).receipt).toMatchObject({ model: 'large', degraded: [] });
});

test.each([
  ['overloaded', { large: { failsWith: 503 } }],
  ['overloaded', { large: { failsWith: 429, retryAfter: 30 } }],
  ['first_token_timeout', { http: { patience: { firstTokenMs: 100, idleMs: 5000, totalMs: 5000 } } }],
  ['breaker_open', { large: { failsWith: 500 } }],
] as const)('%s: the lighter model answers, and that is told', async (reason, setting) => {
  await using world = await open(setting);
  const before = await counted('model', reason);
  const { text, receipt } = await world.ask('Hello [[silent]]');
  expect(text).toBe(answerText('Hello [[silent]]', 40));
  expect(receipt).toMatchObject({ state: 'done', model: 'small', degraded: lighter(reason) });
  expect(await counted('model', reason)).toBe(before + 1);
});

test('unavailable: the lighter model answers', async () => {
  await using world = await open();
  await world.main[Symbol.asyncDispose]();
  expect((await world.ask('Hello')).receipt).toMatchObject({ model: 'small', degraded: lighter('unavailable') });
});

test('an answer that broke off at the last server is gone on with by the lighter model', async () => {
  await using world = await open({ large: { paceMs: 5 }, unforgiving: true });
  const question = 'Hello [[cut-answer:7]]';
  const { text, receipt } = await world.ask(question);
  // Twice seven tokens of the one; then it is left alone, and the other has the rest.
  expect(text).toBe(answerText(question, 40));
  expect(receipt).toMatchObject({ state: 'done', model: 'small', degraded: lighter('breaker_open') });
});

test('a lighter model that has no functions does not answer for one that has', async () => {
  await using world = await open({ large: { failsWith: 503 }, toolless: true });
  const tools = [{ type: 'function', function: { name: 'weather' } }];
  const messages = [{ role: 'user', content: 'Hello' }];
  const asked = world.post('/v1/chat/completions', { messages, tools, stream: false });
  await expect.poll(() => world.main.counts.requests).toBeGreaterThan(1);
  Object.assign(world.main.options, { failsWith: undefined });
  expect((await asked).json).toMatchObject({ model: 'large' });
});

test('who insists on the model gets an error at once, by every way in', async () => {
  await using world = await open({ large: { failsWith: 503, retryAfter: 30 } });
  const insists = { allow_degraded: false };
  const chat = await world.post('/chat', { user_id: 'ada', message: 'Hello', ...insists });
  expect([chat.status, chat.json.error.code]).toEqual([503, 'model_unavailable']);
  const messages = [{ role: 'user', content: 'Hello' }];
  for (const stream of [false, true]) {
    const openai = await world.post('/v1/chat/completions', { messages, stream, ...insists });
    expect([openai.status, openai.json.error.code]).toEqual([503, 'model_unavailable']);
  }
  const { receipt } = await world.ask('Hello', insists);
  expect(receipt).toMatchObject({ state: 'failed', error: { code: 'model_unavailable' }, degraded: [] });
});

test('a line that is longer than is wanted: the rest of it gets the lighter model, or half the context', async () => {
  await using world = await open({ large: { paceMs: 6, length: 20 }, slots: 1, degradeAboveMs: 100 });
  const kinds = [{ model: 'large' }, { model: 'lone' }, { model: 'large', allow_degraded: false }];
  const asked = await Promise.all(
    Array.from({ length: 24 }, (_, index) => world.ask('Hello', { user_id: `user-${index}`, ...kinds[index % 3] })),
  );
  const degraded = asked.map(({ receipt }) => receipt.degraded[0]);
  const ofKind = (kind: number) => degraded.filter((_, index) => index % 3 === kind);
  // Before any rate is known nothing is predicted.
  expect(degraded[0]).toBeUndefined();
  expect(ofKind(0)).toContainEqual(lighter('predicted_wait')[0]);
  expect(ofKind(1)).toContainEqual({ what: 'context', from: '1024', to: '512', reason: 'predicted_wait' });
  expect(ofKind(2).filter(Boolean)).toEqual([]);
});

test('no first token in time and no lighter model: once more, with half the context', async () => {
  await using world = await open({ http: { patience: { firstTokenMs: 300, idleMs: 5000, totalMs: 5000 } } });
  const { text, receipt } = await world.ask('Hello [[silent:1]]', { model: 'lone' });
  expect(text).toBe(answerText('Hello [[silent:1]]', 40));
  const half = { what: 'context', from: '1024', to: '512', reason: 'first_token_timeout' };
  expect(receipt).toMatchObject({ model: 'lone', attempts: 1, degraded: [half] });
});

test('a prompt that the server finds too long is sent again with less of the conversation', async () => {
  await using world = await open({ large: { contextWindow: 760 } });
  const long = (name: string) => `${name} ${'word '.repeat(250)}`;
  const conversation = (message: string, conversation_id?: number) =>
    world.post('/chat', {
      user_id: 'eve',
      message,
      max_tokens: 40,
      model: 'lone',
      ...(conversation_id && { conversation_id }),
    });
  const first = await conversation(long('first'));
  await conversation(long('second'), first.json.conversation_id);
  const { receipt } = await world.ask(long('third'), {
    user_id: 'eve',
    model: 'lone',
    conversation_id: first.json.conversation_id,
  });
  expect(receipt).toMatchObject({
    state: 'done',
    degraded: [{ what: 'context', from: '1024', to: '716', reason: 'context_overflow' }],
  });
  expect(receipt.trimmed_messages).toBeGreaterThan(0);
});

test('questions that come seldom, and wait for nobody, are answered by their model', async () => {
  await using world = await open({ degradeAboveMs: 1 });
  await world.ask('one');
  // The rate is known once there is more than one slice of time.
  await pause(600);
  for (const question of ['two', 'three']) {
    expect((await world.ask(question)).receipt).toMatchObject({ model: 'large', degraded: [] });
  }
});
