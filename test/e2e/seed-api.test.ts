import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EmbeddedServer } from '../support/embedded-server.ts';
import { call } from '../support/http-client.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('the seed API of the embedded server', () => {
  let server: EmbeddedServer;
  beforeAll(async () => {
    server = await EmbeddedServer.start({ RATE_LIMIT_CHAT_PER_MINUTE: 6 });
    await server.modelIsReady();
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  const get = (path: string) => server.call('GET', path);
  const post = (path: string, body: unknown, headers?: Record<string, string>) =>
    server.call('POST', path, { body, ...(headers && { headers }) });
  const ask = (user_id: string, more: object = {}) => ({
    user_id,
    message: 'Tell me something.',
    max_tokens: 16,
    ...more,
  });
  const answered = async (path: string) => {
    await expect.poll(async () => (await get(path)).json, { timeout: 30_000 }).toHaveProperty('response');
    return await get(path);
  };

  test('GET /health', async () => {
    const { json } = await get('/health');
    expect(json).toEqual({
      status: 'healthy',
      components: { ray_serve: 'up', redis: 'up', database: 'up', rabbitmq: 'up' },
      backends: {
        ray_serve: expect.any(String),
        redis: expect.any(String),
        database: expect.stringContaining('PostgreSQL'),
        rabbitmq: expect.any(String),
      },
      timestamp: expect.any(Number),
    });
    expect((await call(server.url, 'GET', '/health')).json).toEqual({ status: 'healthy' });
  });

  test('GET /debug/queue-stats', async () => {
    const lane = { message_count: expect.any(Number), consumer_count: 1 };
    const counts = { message_count: expect.any(Number), consumer_count: expect.any(Number) };
    expect((await get('/debug/queue-stats')).json).toEqual({
      chat_queue: lane,
      batch_queue: lane,
      stream_queue: lane,
      response_queue: counts,
      dead_letters: counts,
    });
  });

  test('POST /chat, and the same again by /check-response', async () => {
    const { status, json } = await post('/chat', ask('chat'));
    expect(status).toBe(200);
    expect(json).toEqual({ response: expect.any(String), conversation_id: 1, processing_time: expect.any(Number) });
    const { items } = (await get('/users/chat/conversations/1/messages')).json;
    expect(items[0]).toMatchObject({ role: 'assistant', state: 'done', content: json.response });
    expect(json.processing_time).toBe(items[0].receipt.total_ms / 1000);
    for (let reading = 0; reading < 2; reading++)
      expect((await get(`/check-response/${items[0].id}`)).json).toEqual(json);
    expect((await post('/chat', ask('chat', { conversation_id: 1 }))).json.conversation_id).toBe(1);
    expect((await post('/chat', ask('chat', { conversation_id: 7 }))).json.error.code).toBe('conversation_not_found');
  });

  test('POST /async-chat and GET /check-response', async () => {
    const { status, json } = await post('/async-chat', ask('async'));
    expect(status).toBe(200);
    expect(json).toEqual({
      status: 'processing',
      message: 'Your request is being processed',
      correlation_id: expect.stringMatching(UUID),
      check_endpoint: `/check-response/${json.correlation_id}`,
    });
    const first = await answered(json.check_endpoint);
    expect(Object.keys(first.json)).toEqual(['response', 'conversation_id', 'processing_time']);
    expect((await get(json.check_endpoint)).text).toBe(first.text);
    expect((await post('/async-chat', ask('async', { stream: true }))).json.status).toBe('streaming');
  });

  test('an unknown id is 404, in whatever form', async () => {
    for (const id of [
      '01978f2e-6c1a-7d44-9b0e-3f5a2c81d6e7',
      'x',
      '1',
      "'--",
      '00000000-0000-0000-0000-000000000000',
    ]) {
      for (const path of [`/check-response/${id}`, `/stream/${id}`, `/generations/${id}`]) {
        expect((await get(path)).json.error.code, path).toBe('generation_not_found');
      }
    }
  });

  test('an Idempotency-Key makes one answer of many requests', async () => {
    const key = { 'idempotency-key': 'e2e-once' };
    const replies = await Promise.all(Array.from({ length: 8 }, () => post('/async-chat', ask('once'), key)));
    expect(new Set(replies.map(({ json }) => json.correlation_id)).size).toBe(1);
    expect((await post('/async-chat', ask('once', { max_tokens: 17 }), key)).json.error.code).toBe(
      'idempotency_conflict',
    );
    await answered(replies[0]!.json.check_endpoint);
    expect((await post('/async-chat', ask('once'), key)).json).toEqual(replies[0]!.json);
    expect((await get('/users/once/conversations')).json.items).toMatchObject([{ message_count: 2 }]);
  });

  test('POST /chat is limited per user, and says how', async () => {
    const replies = [];
    for (let count = 0; count < 7; count++) replies.push(await post('/chat', ask('limited', { message: '' })));
    expect(replies.map(({ status }) => status)).toEqual(Array(7).fill(400));
    const real = [];
    for (let count = 0; count < 7; count++) real.push(await post('/chat', ask('limited', { max_tokens: 10 })));
    expect(real.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200, 429]);
    expect(Number(real[6]!.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(real[6]!.headers.get('ratelimit')).toMatch(/^"chat";r=0;t=\d+$/);
  });

  test('branches, search, export and deletion on the real database', async () => {
    const first = (
      await server.call('POST', '/users/whole/conversations', {
        body: { message: 'Where do otters sleep?', max_tokens: 10 },
      })
    ).json;
    await answered(first.check_endpoint);
    const messages = '/users/whole/conversations/1/messages';
    const again = (await server.call('POST', `${messages}/${first.id}/regenerate`, { body: { max_tokens: 10 } })).json;
    await answered(again.check_endpoint);
    const edited = (await post(messages, { message: 'Where do badgers sleep?', parent_id: null, max_tokens: 10 })).json;
    await answered(edited.check_endpoint);
    const branch = (await get(`${messages}?leaf=${again.id}`)).json.items;
    expect(branch[0].siblings).toEqual([first.id, again.id]);
    expect(branch[1].siblings).toEqual([first.request_message_id, edited.request_message_id]);
    const found = (await get('/users/whole/search?q=otters')).json.items;
    expect(found).toMatchObject([
      { conversation: 1, role: 'user', passage: expect.stringContaining('\ue000otters\ue001') },
    ]);
    const exported = (await get('/users/whole/conversations/1/export?format=json')).json;
    expect(exported.messages.map(({ id }: { id: string }) => id)).toHaveLength(5);
    expect((await get('/users/whole/conversations/1/export')).text).toContain('badgers');
    expect((await server.call('DELETE', '/users/whole/conversations/1')).status).toBe(204);
    expect((await get('/users/whole/search?q=otters')).json.items).toEqual([]);
    expect((await get(`/check-response/${first.id}`)).status).toBe(404);
  });
});

test('POST /chat that takes too long is 202, and nothing is lost', async () => {
  await using server = await EmbeddedServer.start({ SYNC_TIMEOUT: 0.5, ENGINE_PACE_MS: 80 });
  await server.modelIsReady();
  const body = { user_id: 'slow', message: 'Take your time.', max_tokens: 30 };
  const { status, json } = await server.call('POST', '/chat', { body });
  expect(status).toBe(202);
  expect(Object.keys(json)).toEqual(['status', 'message', 'correlation_id', 'check_endpoint']);
  const pending = (await server.call('GET', json.check_endpoint)).json;
  expect(pending).toMatchObject({
    status: 'pending',
    message: 'Response not ready yet',
    state: 'running',
    position: null,
  });
  const look = async () => (await server.call('GET', json.check_endpoint)).json;
  await expect.poll(look, { timeout: 30_000 }).toHaveProperty('response');
  expect((await look()).response.length).toBeGreaterThan(0);
});
