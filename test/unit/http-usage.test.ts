import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { START } from '../../src/protocol/position.ts';
import { until } from '../contracts/until.ts';
import { startFakeUpstream } from '../support/fake-upstream.ts';
import { call } from '../support/http-client.ts';
import { KEY, type MemoryStack, OTHER_KEY, startMemoryStack } from '../support/memory-stack.ts';
import { MODEL, ScriptedInference } from '../support/scripted-inference.ts';
import { openAgainst } from '../support/upstream-inference.ts';

class PricedInference extends ScriptedInference {
  override models() {
    return super.models().map((model) => ({ ...model, price: { prompt: 1, cached: 0.5, completion: 10 } }));
  }
}

let stack: MemoryStack;
const inference = new PricedInference();
beforeAll(async () => {
  stack = await startMemoryStack({ inference });
});
afterAll(() => stack[Symbol.asyncDispose]());

const get = async (path: string, key = KEY) => (await call(stack.url, 'GET', path, { key })).json;
const ask = (message: string, key = KEY) =>
  call(stack.url, 'POST', '/chat', { key, body: { user_id: 'ada', message } });

test('every answer is counted with its price for its workspace, day, model and key; nobody else sees it', async () => {
  await ask('say A|B|C');
  await ask('say A');
  await ask('say A', OTHER_KEY);
  const usage = await get('/usage?by=day,model,key');
  // One unit per million prompt tokens, ten per million written.
  const cost = ('say A|B|C'.length + 'say A'.length + 4 * 10) / 1_000_000;
  const tokens = { prompt: 14, reused: 0, completion: 4 };
  const day = new Date().toISOString().slice(0, 10);
  const key = usage.items[0].key;
  expect(key).toMatch(/^[0-9a-f]{12}$/);
  expect(usage.items).toEqual([{ day, model: MODEL, key, generations: 2, tokens, cost }]);
  expect(usage.total).toEqual({ generations: 2, tokens, cost });
  expect((await get('/usage', OTHER_KEY)).total).toMatchObject({ generations: 1 });
  expect((await get(`/usage?key=${key}`, OTHER_KEY)).total).toMatchObject({ generations: 0 });
  expect((await get('/usage?user_id=nobody-yet')).items).toEqual([]);
  expect((await get('/usage?from=2020-01-01&to=2020-01-31')).total).toMatchObject({ generations: 0, cost: 0 });
});

test('a stopped answer tells what was read and written until then', async () => {
  const { json } = await call(stack.url, 'POST', '/stream-chat', {
    key: KEY,
    body: { user_id: 'stopper', message: 'say A|B|~' },
  });
  const id = json.correlation_id;
  await until(async () => (await stack.ports.log.attach(id, START, () => {})).snapshot?.text.length === 2);
  await call(stack.url, 'POST', `/generations/${id}/stop`, { key: KEY });
  const { receipt } = await get(`/generations/${id}`);
  expect(receipt).toMatchObject({ state: 'cancelled', tokens: { prompt: 9, completion: 2 }, cost: 29 / 1_000_000 });
  expect((await get('/usage?user_id=stopper')).total).toMatchObject({ generations: 1, tokens: { completion: 2 } });
});

test('vectors are counted for their user and key, and within the budget of the key', async () => {
  await using upstream = await startFakeUpstream();
  await using vectors = await openAgainst(upstream);
  await using own = await startMemoryStack({ inference: vectors });
  const keyId = createHash('sha256').update(KEY).digest('hex').slice(0, 12);
  await own.ports.workspaces.limitKey(keyId, { tokensPerDay: 5, tokensPerMonth: null });
  const embed = (...input: string[]) =>
    call(own.url, 'POST', '/v1/embeddings', { key: KEY, body: { model: 'fake', input, user: 'ada' } });
  const made = await embed('the sea', 'wind');
  expect(made.json.usage).toEqual({ prompt_tokens: 3, total_tokens: 3 });
  expect(made.headers.get('x-ratelimit-remaining-tokens')).toBe('2');
  const refused = await embed('a ship at night');
  expect([refused.status, refused.json.error.code]).toEqual([429, 'insufficient_quota']);
  const unknown = await call(own.url, 'POST', '/v1/embeddings', { key: KEY, body: { model: 'none', input: 'a b' } });
  expect(unknown.json.error.code).toBe('model_not_found');
  expect((await embed('light', 'ship')).headers.get('x-ratelimit-remaining-tokens')).toBe('0');

  const usage = await call(own.url, 'GET', '/usage?by=model,key&user_id=ada', { key: KEY });
  const tokens = { prompt: 5, reused: 0, completion: 0 };
  expect(usage.json.items).toEqual([{ model: 'fake', key: keyId, generations: 0, tokens, cost: 0 }]);
});

test.each([
  ['from=2026-02-31', 'from'],
  ['from=2026-03-02&to=2026-03-01', 'from'],
  ['from=2020-01-01&to=2026-03-01', 'from'],
  ['by=day,user', 'by'],
  ['key=xyz', 'key'],
])('refuses %s', async (query, field) => {
  const { error } = await get(`/usage?${query}`);
  expect(error.code).toBe('invalid_request');
  expect(Object.keys(error.details)).toEqual([field]);
});
