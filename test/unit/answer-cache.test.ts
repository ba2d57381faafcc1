import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { InferenceError, type InferenceResult } from '../../src/ports/inference.ts';
import { START } from '../../src/protocol/position.ts';
import { until } from '../contracts/until.ts';
import { call } from '../support/http-client.ts';
import { KEY, type MemoryStack, OTHER_KEY, startMemoryStack } from '../support/memory-stack.ts';
import { ScriptedInference } from '../support/scripted-inference.ts';

let stack: MemoryStack;
class SometimesAway extends ScriptedInference {
  away = false;

  override async generate(...call: Parameters<ScriptedInference['generate']>): Promise<InferenceResult> {
    if (!this.away) return await super.generate(...call);
    this.requests.push(call[0]);
    throw new InferenceError('unavailable', 'away');
  }
}

const inference = new SometimesAway();
beforeAll(async () => {
  stack = await startMemoryStack({
    inference,
    answerCache: { serves: 'deterministic', ttlMs: 60_000, maxBytes: 1_000 },
  });
});
afterAll(() => stack[Symbol.asyncDispose]());
beforeEach(() => {
  inference.requests.length = 0;
});

type Body = { max_tokens?: number; cache?: boolean; temperature?: number };
const complete = (content: string, more: Body = {}, key = KEY) =>
  call(stack.url, 'POST', '/v1/chat/completions', {
    key,
    body: { messages: [{ role: 'user', content }], temperature: 0, ...more },
  });
const said = ({ json }: Awaited<ReturnType<typeof complete>>) => json.choices[0].message.content;
const asked = () => inference.requests.length;

test('the same request to the letter costs once, and its receipt says so', async () => {
  const body = { user_id: 'ada', message: 'think Hm.|say A|B', cache: true };
  const first = await call(stack.url, 'POST', '/chat', { key: KEY, body });
  const second = await call(stack.url, 'POST', '/chat', { key: KEY, body: { ...body, user_id: 'bob' } });
  expect(second.json.response).toBe(first.json.response);
  expect(asked()).toBe(1);
  const { items } = (await call(stack.url, 'GET', '/users/bob/conversations/1/messages', { key: KEY })).json;
  expect(items[0]).toMatchObject({ content: 'AB', reasoning: 'Hm.', finish_reason: 'stop' });
  expect(items[0].receipt).toMatchObject({ source: 'cache', tokens: { prompt: 0, completion: 0 } });
});

test('it is streamed as any other', async () => {
  const body = { user_id: 'ada', message: 'say streamed', cache: true };
  await call(stack.url, 'POST', '/chat', { key: KEY, body });
  const { json } = await call(stack.url, 'POST', '/stream-chat', { key: KEY, body });
  const stream = await fetch(`${stack.url}/stream/${json.correlation_id}`, { headers: { 'x-api-key': KEY } });
  const text = await stream.text();
  expect(text).toContain('{"token":"streamed","done":false}');
  expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true);
  expect(asked()).toBe(1);
});

test.each<[string, Body, string?]>([
  ['another workspace asks', {}, OTHER_KEY],
  ['a parameter differs', { max_tokens: 11 }],
  ['the caller wants none', { cache: false }],
  ['it is sampled, and the caller has not asked for it', { temperature: 0.7 }],
])('asks the model where %s', async (name, more, key) => {
  await complete(`say ${name}`, { max_tokens: 10 });
  expect(said(await complete(`say ${name}`, { max_tokens: 10, ...more }, key))).toBe(name);
  expect(asked()).toBe(2);
});

test('keeps nothing that was stopped, that failed, that is too long, or that nobody may have', async () => {
  for (const times of [1, 2]) {
    const body = { user_id: 'ada', message: 'say A|~', cache: true };
    const { json } = await call(stack.url, 'POST', '/stream-chat', { key: KEY, body });
    await until(async () => asked() === times);
    await call(stack.url, 'POST', `/generations/${json.correlation_id}/stop`, { key: KEY });
    await until(async () => stack.runner.running === 0);
  }
  const long = `say ${'x'.repeat(1_001)}`;
  for (const [message, more] of [
    ['fail', {}],
    [long, {}],
    ['say private', { cache: false }],
  ] as const) {
    const before = asked();
    await complete(message, more);
    await complete(message);
    expect(asked() - before).toBe(2);
  }
});

test('a regenerated answer comes from the model', async () => {
  const options = { temperature: 0 };
  const base = '/users/cleo/conversations';
  const started = await call(stack.url, 'POST', base, { key: KEY, body: { message: 'say once', ...options } });
  const done = async (id: string) => {
    await until(async () => (await call(stack.url, 'GET', `/generations/${id}`, { key: KEY })).json.state === 'done');
  };
  await done(started.json.id);
  const path = `${base}/1/messages/${started.json.id}/regenerate`;
  const again = await call(stack.url, 'POST', path, { key: KEY, body: options });
  await done(again.json.id);
  expect(asked()).toBe(2);
});

test('the same request at the same time costs one generation where the callers allow it', async () => {
  inference.hold();
  const asking = Array.from({ length: 4 }, () => complete('say A|B|C', { cache: true, temperature: 1 }));
  await until(async () => asked() === 1 && stack.runner.running === 4);
  inference.release();
  expect((await Promise.all(asking)).map(said)).toEqual(['ABC', 'ABC', 'ABC', 'ABC']);
  expect(asked()).toBe(1);
});

test('whoever shared an answer that was stopped asks for itself', async () => {
  const body = { user_id: 'dora', message: 'say A|~', cache: true };
  const one = await call(stack.url, 'POST', '/stream-chat', { key: KEY, body });
  await until(async () => asked() === 1);
  const other = await call(stack.url, 'POST', '/stream-chat', { key: KEY, body: { ...body, user_id: 'eve' } });
  const stop = (id: string) => call(stack.url, 'POST', `/generations/${id}/stop`, { key: KEY });
  // It has what the other was told.
  const reader = () => stack.ports.log.attach(other.json.correlation_id, START, () => {});
  await until(async () => (await reader()).snapshot?.text.length === 1);
  await stop(one.json.correlation_id);
  await until(async () => asked() === 2);
  expect(inference.requests[1]!.prefix.text).toBe('A');
  await stop(other.json.correlation_id);
  await until(async () => stack.runner.running === 0);
});

test('a deleted user, and a deleted conversation, takes the kept answers along', async () => {
  const kept = new Map<string, Uint8Array>();
  await using own = await startMemoryStack({
    inference,
    answerCache: { serves: 'all', ttlMs: 60_000, maxBytes: 1_000 },
    ports: ({ cache }) => {
      const { set } = cache;
      cache.set = async (key, value, ttlMs) => {
        if (key.startsWith('answer:')) kept.set(key, value);
        await set.call(cache, key, value, ttlMs);
      };
      return {};
    },
  });
  const ask = async (user_id: string) => {
    const { status } = await call(own.url, 'POST', '/chat', { key: KEY, body: { user_id, message: 'say kept' } });
    expect(status).toBe(200);
  };
  await ask('hugo');
  await until(() => kept.size === 1);
  await ask('ida');
  expect(asked()).toBe(1);
  const remove = (path: string) => call(own.url, 'DELETE', path, { key: KEY });
  // It came from there, and so stays.
  await remove('/users/ida/conversations/1');
  await ask('ida');
  expect(asked()).toBe(1);
  expect((await remove('/users/hugo')).status).toBe(200);
  kept.clear();
  await ask('ida');
  await until(() => kept.size === 1);
  await ask('joe');
  expect(asked()).toBe(2);
  await remove('/users/ida/conversations/3');
  await ask('joe');
  expect(asked()).toBe(3);
  // What a copy of the cache would still hold is no text of anybody.
  for (const bytes of kept.values()) expect(Buffer.from(bytes).includes('kept')).toBe(false);
});

test('while no model can be asked, an answer of before stands in, also where it was sampled', async () => {
  const body = { user_id: 'finn', message: 'say before', temperature: 1 };
  await call(stack.url, 'POST', '/chat', { key: KEY, body });
  inference.away = true;
  try {
    const { json } = await call(stack.url, 'POST', '/chat', { key: KEY, body: { ...body, user_id: 'gwen' } });
    expect(json.response).toBe('before');
    const { items } = (await call(stack.url, 'GET', '/users/gwen/conversations/1/messages', { key: KEY })).json;
    expect(items[0].receipt.source).toBe('stand-in');
    const unwilling = await call(stack.url, 'POST', '/stream-chat', { key: KEY, body: { ...body, cache: false } });
    await until(async () => asked() >= 3);
    const path = `/generations/${unwilling.json.correlation_id}`;
    expect((await call(stack.url, 'GET', path, { key: KEY })).json.state).toBe('running');
    await call(stack.url, 'POST', `${path}/stop`, { key: KEY });
  } finally {
    inference.away = false;
  }
});
