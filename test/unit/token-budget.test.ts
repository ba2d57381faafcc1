import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MemoryTokenBudgets } from '../../src/adapters/memory/token-budgets.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import type { TokenBudgets } from '../../src/ports/token-budgets.ts';
import { until } from '../contracts/until.ts';
import { call } from '../support/http-client.ts';
import { KEY, type MemoryStack, OTHER_KEY, startMemoryStack } from '../support/memory-stack.ts';
import { ScriptedInference } from '../support/scripted-inference.ts';

let stack: MemoryStack;
const inference = new ScriptedInference();
beforeAll(async () => {
  stack = await startMemoryStack({ inference });
});
afterAll(() => stack[Symbol.asyncDispose]());

/** A key of its own for each test, with so many tokens a day. */
async function keyWith(tokensPerDay: number): Promise<string> {
  const { workspaces } = stack.ports;
  const key = `key-${crypto.randomUUID()}`;
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(key)));
  const { id } = await workspaces.ensure('budgets');
  await workspaces.addKey(id, 'limited', hash);
  await workspaces.limitKey(Buffer.from(hash).toString('hex').slice(0, 12), { tokensPerDay });
  return key;
}

const chat = (key: string, message: string, max_tokens = 100) =>
  call(stack.url, 'POST', '/chat', { key, body: { user_id: 'ada', message, max_tokens } });
const remaining = ({ headers }: { headers: Headers }) => Number(headers.get('x-ratelimit-remaining-tokens'));

test('what is not used is given back at the end, and what is left is told', async () => {
  const key = await keyWith(500);
  const first = await chat(key, 'say A');
  expect(first.headers.get('x-ratelimit-limit-tokens')).toBe('500');
  expect(first.headers.get('x-ratelimit-reset-tokens')).toMatch(/^\d+s$/);
  // The prompt (2 tokens and 4 for the message) and 100.
  expect(remaining(first)).toBe(500 - 106);
  // Five characters read, as this model counts, and one token written.
  expect(remaining(await chat(key, 'say A'))).toBe(500 - 6 - 106);
});

test('requests at the same time cannot overspend; a refusal says why in headers and body', async () => {
  const key = await keyWith(350);
  inference.hold();
  const asking = Array.from({ length: 6 }, () => chat(key, 'say A'));
  const refusals: Awaited<ReturnType<typeof chat>>[] = [];
  for (const each of asking) void each.then((reply) => reply.status === 429 && refusals.push(reply));
  await until(async () => refusals.length === 3);
  const refused = refusals[0]!;
  expect(refused.status).toBe(429);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(refused.headers.get('x-ratelimit-remaining-tokens')).toBe('32');
  expect(refused.json.error).toMatchObject({
    code: 'budget_exceeded',
    details: { period: 'day', limit: 350, remaining: 32, needed: 106 },
  });
  inference.release();
  const statuses = (await Promise.all(asking)).map(({ status }) => status).sort();
  expect(statuses).toEqual([200, 200, 200, 429, 429, 429]);
});

test('a stop gives back what was not used, and a request that is refused for something else all of it', async () => {
  const key = await keyWith(250);
  const started = await call(stack.url, 'POST', '/stream-chat', {
    key,
    body: { user_id: 'bob', message: 'say ~', max_tokens: 200 },
  });
  const id = started.json.correlation_id;
  expect((await chat(key, 'say A')).status).toBe(429);
  await call(stack.url, 'POST', `/generations/${id}/stop`, { key });
  await until(async () => (await call(stack.url, 'GET', `/generations/${id}`, { key })).json.state === 'cancelled');
  const unknown = await call(stack.url, 'POST', '/chat', {
    key,
    body: { user_id: 'bob', message: 'say A', conversation_id: 999, max_tokens: 200 },
  });
  expect(unknown.json.error.code).toBe('conversation_not_found');
  // Of the stopped one the prompt was read.
  expect(remaining(await chat(key, 'say A'))).toBe(250 - 5 - 106);
});

test('what a conversation will be read for is set aside too', async () => {
  const key = await keyWith(1000);
  const body = { user_id: 'eve', message: `say ${'word '.repeat(40)}`, max_tokens: 10 };
  const { json } = await call(stack.url, 'POST', '/chat', { key, body });
  const before = remaining(await chat(key, 'say A', 10));
  const next = { user_id: 'eve', message: 'say A', max_tokens: 10, conversation_id: json.conversation_id };
  const after = remaining(await call(stack.url, 'POST', '/chat', { key, body: next }));
  expect(before - after).toBeGreaterThan(100);
});

test('counters that were lost are read again from what is stored', async () => {
  await using own = await startMemoryStack({
    // Each acceptance finds them empty.
    ports: () => ({ budgets: forgetful() }),
  });
  const hash = createHash('sha256').update(KEY).digest();
  await own.ports.workspaces.limitKey(hash.toString('hex').slice(0, 12), { tokensPerDay: 500, tokensPerMonth: 400 });
  const ask = () =>
    call(own.url, 'POST', '/chat', { key: KEY, body: { user_id: 'ada', message: 'say A', max_tokens: 100 } });
  expect(remaining(await ask())).toBe(400 - 106);
  expect(remaining(await ask())).toBe(400 - 6 - 106);
  expect(remaining(await ask())).toBe(400 - 12 - 106);
});

function forgetful(): TokenBudgets {
  let current = new MemoryTokenBudgets(new SystemClock());
  return {
    async reserve(reservation) {
      if (!reservation.used) current = new MemoryTokenBudgets(new SystemClock());
      return await current.reserve(reservation);
    },
    settle: (...args) => current.settle(...args),
  };
}

test('other keys, and OpenAI clients, hear of it in their own words', async () => {
  const key = await keyWith(20);
  const body = { messages: [{ role: 'user', content: 'say A' }], max_tokens: 64 };
  const reply = await call(stack.url, 'POST', '/v1/chat/completions', { key, body });
  expect(reply.status).toBe(429);
  expect(reply.json.error).toMatchObject({ code: 'insufficient_quota', type: 'rate_limit_error' });
  expect(reply.headers.get('x-should-retry')).toBe('false');
  for (const free of [KEY, OTHER_KEY]) {
    const answered = await chat(free, 'say A');
    expect(answered.status).toBe(200);
    expect(answered.headers.has('x-ratelimit-limit-tokens')).toBe(false);
  }
});
