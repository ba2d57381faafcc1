import { afterAll, beforeAll, expect, test } from 'vitest';
import { predictWait } from '../../src/core/predict-wait.ts';
import type { LineView, WaitingLine } from '../../src/ports/waiting-line.ts';
import { call } from '../support/http-client.ts';
import { KEY, type MemoryStack, startMemoryStack } from '../support/memory-stack.ts';

/** Ten wait with 100 tokens each; 50 tokens are begun in a second. */
const VIEW: LineView = { drawn: 10, served: 0, ratePerSecond: 1, meanTokens: 100, tokensPerSecond: 50 };

let view = VIEW;
let stack: MemoryStack;
beforeAll(async () => {
  stack = await startMemoryStack({
    maxWaitSeconds: 30,
    ports: ({ line }) => ({ line: asSeen(line) }),
  });
});
afterAll(() => stack[Symbol.asyncDispose]());

function asSeen(line: WaitingLine): WaitingLine {
  return {
    draw: (...args) => line.draw(...args),
    serve: (...args) => line.serve(...args),
    look: async () => view,
  };
}

const ask = (lane: string) =>
  call(stack.url, 'POST', '/users/ada/conversations', { key: KEY, body: { message: 'say A', lane } });

test('the wait is the tokens that wait over the tokens begun in a second', () => {
  expect(predictWait(VIEW, 9)).toBe(20);
  expect(predictWait({ ...VIEW, meanTokens: 1000 }, 9)).toBe(200);
  expect(predictWait({ ...VIEW, tokensPerSecond: null }, 9)).toBeNull();
});

test('whoever would wait longer than is allowed is told so at once, except in the batch lane', async () => {
  view = { ...VIEW, meanTokens: 200 };
  for (const lane of ['stream', 'chat']) {
    const { status, json, headers } = await ask(lane);
    expect([status, json.error.code]).toEqual([503, 'queue_full']);
    expect(json.error.details).toEqual({ predicted_wait_seconds: 44 });
    expect(headers.get('retry-after')).toBe('14');
  }
  expect((await ask('batch')).status).toBe(202);
  view = VIEW;
  expect((await ask('stream')).status).toBe(202);
});

test('what was predicted is held against what happened', async () => {
  const count = async () => {
    const text = await (await fetch(`${stack.url}/metrics`, { headers: { 'x-api-key': KEY } })).text();
    const found = /^chat_queue_wait_error_seconds_sum\{lane="chat",came="sooner"\} (.*)$/m.exec(text);
    return Number(found?.[1] ?? 0);
  };
  const before = await count();
  const { json } = await ask('chat');
  for (let state = ''; state !== 'done'; ) {
    state = (await call(stack.url, 'GET', `/generations/${json.id}`, { key: KEY })).json.state;
  }
  // 22 seconds were predicted, and it began at once.
  expect((await count()) - before).toBeGreaterThan(15);
});
