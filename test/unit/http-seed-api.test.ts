import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call } from '../support/http-client.ts';
import { KEY, type MemoryStack, startMemoryStack } from '../support/memory-stack.ts';
import type { ScriptedInference } from '../support/scripted-inference.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('the seed API', () => {
  let stack: MemoryStack;
  const get = (path: string) => call(stack.url, 'GET', path, { key: KEY });
  const post = (path: string, body: unknown, headers?: Record<string, string>) =>
    call(stack.url, 'POST', path, { key: KEY, body, ...(headers && { headers }) });

  beforeAll(async () => {
    stack = await startMemoryStack();
  });
  afterAll(() => stack[Symbol.asyncDispose]());

  test('GET /health tells all with a key, and only the status without', async () => {
    const full = await get('/health');
    expect(full.status).toBe(200);
    expect(full.json).toEqual({
      status: 'healthy',
      components: { ray_serve: 'up', redis: 'up', database: 'up', rabbitmq: 'up' },
      backends: expect.any(Object),
      timestamp: expect.any(Number),
    });
    expect(full.json.timestamp).toBeGreaterThan(1_700_000_000);
    expect(full.json.timestamp).toBeLessThan(10_000_000_000);
    expect((await call(stack.url, 'GET', '/health')).json).toEqual({ status: 'healthy' });
    expect((await call(stack.url, 'GET', '/health', { key: 'unknown' })).json).toEqual({ status: 'healthy' });
  });

  test('GET /debug/queue-stats counts every lane', async () => {
    const lane = { message_count: expect.any(Number), consumer_count: expect.any(Number) };
    expect((await get('/debug/queue-stats')).json).toEqual({
      chat_queue: lane,
      response_queue: lane,
      batch_queue: lane,
      stream_queue: lane,
      dead_letters: lane,
    });
  });

  test('POST /chat answers with the whole text', async () => {
    const { status, json } = await post('/chat', { user_id: 'seed-chat', message: 'say Paris|, of course.' });
    expect(status).toBe(200);
    expect(json).toEqual({ response: 'Paris, of course.', conversation_id: 1, processing_time: expect.any(Number) });
    const next = await post('/chat', { user_id: 'seed-chat', message: 'say Rome.', conversation_id: 1 });
    expect(next.json.conversation_id).toBe(1);
    expect((await post('/chat', { user_id: 'seed-chat', message: 'say new' })).json.conversation_id).toBe(2);
  });

  test('POST /stream-chat names the stream', async () => {
    const { status, json } = await post('/stream-chat', { user_id: 'seed-stream', message: 'say x' });
    expect(status).toBe(200);
    expect(json.correlation_id).toMatch(UUID);
    expect(json).toEqual({
      status: 'streaming',
      message: 'Connect to the streaming endpoint to receive tokens',
      correlation_id: json.correlation_id,
      stream_endpoint: `/stream/${json.correlation_id}`,
    });
  });

  test('POST /async-chat names the place to look, or the stream', async () => {
    const { json } = await post('/async-chat', { user_id: 'seed-async', message: 'say x' });
    expect(json).toEqual({
      status: 'processing',
      message: 'Your request is being processed',
      correlation_id: expect.stringMatching(UUID),
      check_endpoint: `/check-response/${json.correlation_id}`,
    });
    const streaming = await post('/async-chat', { user_id: 'seed-async', message: 'say x', stream: true });
    expect(Object.keys(streaming.json)).toEqual(['status', 'message', 'correlation_id', 'stream_endpoint']);
  });

  test('GET /check-response is pending, then the answer, and the same on every reading', async () => {
    const inference = stack.inference as ScriptedInference;
    inference.hold();
    const { json } = await post('/async-chat', { user_id: 'seed-check', message: 'say one|two' });
    const pending = await get(json.check_endpoint);
    expect(pending.status).toBe(200);
    expect(pending.json).toMatchObject({ status: 'pending', message: 'Response not ready yet' });
    expect(pending.json).toHaveProperty('position');
    expect(['queued', 'running']).toContain(pending.json.state);
    inference.release();
    await expect.poll(async () => (await get(json.check_endpoint)).json.response).toBe('onetwo');
    const first = await get(json.check_endpoint);
    expect(first.json).toEqual({ response: 'onetwo', conversation_id: 1, processing_time: expect.any(Number) });
    expect((await get(json.check_endpoint)).text).toBe(first.text);
  });

  test('a failed answer says so: in a 502 at once, in a 200 on looking', async () => {
    const failed = await post('/chat', { user_id: 'seed-fail', message: 'fail' });
    expect(failed.status).toBe(502);
    expect(failed.json.error).toMatchObject({ code: 'generation_failed', request_id: expect.any(String) });
    const looked = await get(`/check-response/${failed.json.error.details.correlation_id}`);
    expect(looked.status).toBe(200);
    expect(looked.json).toEqual({
      status: 'failed',
      error: { code: 'generation_failed', message: expect.any(String) },
      response: '',
      conversation_id: 1,
      processing_time: expect.any(Number),
    });
  });

  test('a stopped answer says so and keeps its text', async () => {
    const inference = stack.inference as ScriptedInference;
    inference.hold();
    const { json } = await post('/async-chat', { user_id: 'seed-stop', message: 'say never' });
    await expect.poll(async () => (await get(json.check_endpoint)).json.state).toBe('running');
    const stopped = await post(`/generations/${json.correlation_id}/stop`, undefined);
    inference.release();
    expect(stopped.status).toBe(200);
    expect(stopped.json.state).toBe('cancelled');
    expect((await get(json.check_endpoint)).json).toMatchObject({
      status: 'stopped',
      response: '',
      conversation_id: 1,
    });
  });

  test('bounds of the request are kept to the character', async () => {
    const base = { user_id: 'seed-bounds', message: 'say x' };
    const statusOf = async (change: object) => (await post('/async-chat', { ...base, ...change })).status;
    const context = (count: number) => Array.from({ length: count }, () => 'earlier');
    for (const [good, bad] of [
      [{ user_id: 'abc' }, { user_id: 'ab' }],
      [{ user_id: 'ü'.repeat(50) }, { user_id: 'ü'.repeat(51) }],
      [{ message: '😀'.repeat(2000) }, { message: 'x'.repeat(2001) }],
      [{ message: 'x' }, { message: '' }],
      [{ context: context(10) }, { context: context(11) }],
      [{ max_tokens: 10 }, { max_tokens: 9 }],
      [{ max_tokens: 1024 }, { max_tokens: 1025 }],
      [{ temperature: 0.1 }, { temperature: 0.05 }],
      [{ temperature: 1 }, { temperature: 1.01 }],
      [{ stream: false }, { stream: 'yes' }],
      [{ unknown: 'ignored' }, { max_tokens: 10.5 }],
    ]) {
      expect.soft(await statusOf(good!), JSON.stringify(good)).toBe(200);
      expect.soft(await statusOf(bad!), JSON.stringify(bad)).toBe(400);
    }
    expect(await statusOf({ conversation_id: 999 })).toBe(404);
  });

  test('parameters reach the model, and absent ones take their defaults', async () => {
    const inference = stack.inference as ScriptedInference;
    await post('/chat', { user_id: 'seed-params', message: 'say x', context: ['Known before.'], temperature: 0.3 });
    const asked = inference.requests.at(-1)!;
    expect(asked).toMatchObject({ maxTokens: 256, temperature: 0.3, lane: 'chat' });
    expect(JSON.stringify(asked.messages)).toContain('Known before.');
    await post('/chat', { user_id: 'seed-params', message: 'say x', max_tokens: 12 });
    expect(inference.requests.at(-1)!.maxTokens).toBe(12);
  });

  test('an unknown model is refused with those that there are', async () => {
    const { status, json } = await post('/chat', { user_id: 'seed-model', message: 'say x', model: 'nobody' });
    expect(status).toBe(400);
    expect(json.error).toMatchObject({ code: 'model_unknown', details: { models: ['scripted'] } });
  });

  test('NUL and half characters in a message do no harm', async () => {
    const { status, json } = await post('/chat', { user_id: 'seed-nul', message: 'say a\u0000b\ud800c' });
    expect(status).toBe(200);
    expect(json.response).toBe('ab\ufffdc');
    expect((await post('/chat', { user_id: 'seed-nul', message: '\u0000' })).status).toBe(400);
  });
});

describe('POST /chat', () => {
  test('that takes too long is answered 202, and nothing is lost', async () => {
    await using stack = await startMemoryStack({ options: { syncTimeoutMs: 60 } });
    const inference = stack.inference as ScriptedInference;
    inference.hold();
    const body = { user_id: 'slow', message: 'say at last' };
    const { status, json } = await call(stack.url, 'POST', '/chat', { key: KEY, body });
    expect(status).toBe(202);
    expect(json).toEqual({
      status: 'processing',
      message: 'Your request is being processed',
      correlation_id: expect.stringMatching(UUID),
      check_endpoint: `/check-response/${json.correlation_id}`,
    });
    inference.release();
    const look = () => call(stack.url, 'GET', json.check_endpoint, { key: KEY });
    await expect.poll(async () => (await look()).json.response).toBe('at last');
  });

  test('is limited per key and user, and says how', async () => {
    await using stack = await startMemoryStack({ options: { chatPerMinute: 2 } });
    const ask = (user_id: string) =>
      call(stack.url, 'POST', '/chat', { key: KEY, body: { user_id, message: 'say x' } });
    const first = await ask('ann');
    expect(first.status).toBe(200);
    expect(first.headers.get('ratelimit-policy')).toBe('"chat";q=2;w=60');
    expect(first.headers.get('ratelimit')).toMatch(/^"chat";r=1;t=\d+$/);
    expect(first.headers.get('ratelimit-remaining')).toBe('1');
    expect((await ask('ann')).status).toBe(200);
    const refused = await ask('ann');
    expect(refused.status).toBe(429);
    expect(refused.json.error.code).toBe('rate_limited');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect(refused.headers.get('ratelimit')).toMatch(/r=0/);
    expect((await ask('bob')).status).toBe(200);
  });

  test('goes on when the client hangs up', async () => {
    await using stack = await startMemoryStack();
    const inference = stack.inference as ScriptedInference;
    inference.hold();
    const leaving = new AbortController();
    const body = { user_id: 'gone', message: 'say still here' };
    const asked = call(stack.url, 'POST', '/chat', { key: KEY, body, signal: leaving.signal });
    await expect.poll(() => inference.requests.length).toBe(1);
    leaving.abort();
    await expect(asked).rejects.toThrow();
    inference.release();
    const messages = () => call(stack.url, 'GET', '/users/gone/conversations/1/messages', { key: KEY });
    await expect.poll(async () => (await messages()).json.items[0].content).toBe('still here');
  });

  test('that waits when the server closes is answered 202', async () => {
    await using stack = await startMemoryStack();
    const inference = stack.inference as ScriptedInference;
    inference.hold();
    const asked = call(stack.url, 'POST', '/chat', { key: KEY, body: { user_id: 'closing', message: 'say x' } });
    await expect.poll(() => inference.requests.length).toBe(1);
    const closed = stack.app.close();
    expect((await asked).status).toBe(202);
    inference.release();
    await closed;
  });
});

describe('an Idempotency-Key', () => {
  test('makes a repeated request mean the same answer, and refuses another body', async () => {
    await using stack = await startMemoryStack();
    const send = (path: string, body: object, key = 'once-1') =>
      call(stack.url, 'POST', path, { key: KEY, body, headers: { 'idempotency-key': key } });
    const body = { user_id: 'idem', message: 'say once', max_tokens: 20 };
    const [first, second] = await Promise.all([send('/async-chat', body), send('/async-chat', body)]);
    expect(second.json).toEqual(first.json);
    const reordered = await send('/async-chat', { max_tokens: 20, message: 'say once', user_id: 'idem', extra: 1 });
    expect(reordered.json).toEqual(first.json);
    expect(reordered.headers.get('idempotency-replayed')).toBe('true');
    const conflict = await send('/async-chat', { ...body, message: 'say twice' });
    expect(conflict.status).toBe(422);
    expect(conflict.json.error.code).toBe('idempotency_conflict');
    expect((await send('/stream-chat', body)).status).toBe(422);
    expect((await send('/async-chat', { ...body, user_id: 'another' })).json.correlation_id).not.toBe(
      first.json.correlation_id,
    );
    await expect
      .poll(async () => (await call(stack.url, 'GET', first.json.check_endpoint, { key: KEY })).json.response)
      .toBe('once');
    const list = await call(stack.url, 'GET', '/users/idem/conversations', { key: KEY });
    expect(list.json.items).toHaveLength(1);
  });

  test('that repeats POST /chat gives the same answer, also after it has ended', async () => {
    await using stack = await startMemoryStack();
    const send = () =>
      call(stack.url, 'POST', '/chat', {
        key: KEY,
        body: { user_id: 'idem', message: 'say once' },
        headers: { 'idempotency-key': 'k' },
      });
    const [one, two] = await Promise.all([send(), send()]);
    expect(one.status).toBe(200);
    expect(two.text).toBe(one.text);
    expect((await send()).text).toBe(one.text);
    expect((stack.inference as ScriptedInference).requests).toHaveLength(1);
  });

  test.each(['', 'a b', 'x'.repeat(256), 'ü'])('%j is refused', async (key) => {
    await using stack = await startMemoryStack();
    const body = { user_id: 'idem', message: 'say x' };
    const { status, json } = await call(stack.url, 'POST', '/chat', {
      key: KEY,
      body,
      headers: { 'idempotency-key': key },
    });
    expect(status).toBe(400);
    expect(json.error.details).toHaveProperty('Idempotency-Key');
  });
});

describe('admission', () => {
  test('many more than there are slots for are answered, each once', async () => {
    await using stack = await startMemoryStack({ slots: 2 });
    const ask = (index: number) =>
      call(stack.url, 'POST', '/async-chat', { key: KEY, body: { user_id: `user-${index}`, message: `say ${index}` } });
    const accepted = await Promise.all(Array.from({ length: 30 }, (_, index) => ask(index)));
    for (const [index, { json }] of accepted.entries()) {
      const look = async () => (await call(stack.url, 'GET', json.check_endpoint, { key: KEY })).json.response;
      await expect.poll(look).toBe(String(index));
    }
  });

  test('at most so many of a user wait', async () => {
    await using stack = await startMemoryStack({ maxWaitingPerUser: 2, slots: 1 });
    const inference = stack.inference as ScriptedInference;
    inference.hold();
    const ask = (user_id: string) =>
      call(stack.url, 'POST', '/async-chat', { key: KEY, body: { user_id, message: 'say x' } });
    const statuses = [];
    for (let count = 0; count < 5; count++) statuses.push((await ask('many')).status);
    expect(statuses.slice(0, 2)).toEqual([200, 200]);
    expect(statuses.at(-1)).toBe(429);
    const refused = await ask('many');
    expect(refused.json.error.code).toBe('too_many_waiting');
    expect(refused.headers.has('retry-after')).toBe(true);
    expect((await ask('few')).status).toBe(200);
    inference.release();
  });

  test('a full lane answers 503 with Retry-After', async () => {
    await using stack = await startMemoryStack({
      ports: ({ line }) => ({
        line: Object.assign(Object.create(line), {
          look: async () => ({
            drawn: 10_000,
            served: 0,
            ratePerSecond: null,
            tokensPerSecond: null,
            meanTokens: null,
          }),
        }),
      }),
    });
    const { status, json, headers } = await call(stack.url, 'POST', '/async-chat', {
      key: KEY,
      body: { user_id: 'full', message: 'say x' },
    });
    expect(status).toBe(503);
    expect(json.error.code).toBe('queue_full');
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await call(stack.url, 'GET', '/users/full/conversations', { key: KEY })).json.items).toEqual([]);
  });
});
