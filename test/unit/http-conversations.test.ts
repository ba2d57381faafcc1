import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call } from '../support/http-client.ts';
import { KEY, type MemoryStack, startMemoryStack } from '../support/memory-stack.ts';
import type { ScriptedInference } from '../support/scripted-inference.ts';

describe("the product's own API", () => {
  let stack: MemoryStack;
  let inference: ScriptedInference;
  beforeAll(async () => {
    stack = await startMemoryStack();
    inference = stack.inference as ScriptedInference;
  });
  afterAll(() => stack[Symbol.asyncDispose]());

  const get = (path: string) => call(stack.url, 'GET', path, { key: KEY });
  const send = (method: string, path: string, body?: unknown) => call(stack.url, method, path, { key: KEY, body });
  const begin = async (user: string, message: string) =>
    (await send('POST', `/users/${user}/conversations`, { message })).json;
  const settled = async (id: string) => {
    await expect.poll(async () => (await get(`/generations/${id}`)).json.receipt).not.toBeNull();
    return (await get(`/generations/${id}`)).json;
  };

  test('a conversation begins with a message, and its answer has the id of the generation', async () => {
    inference.hold();
    const { status, json } = await send('POST', '/users/begins/conversations', { message: 'say Hello.' });
    expect(status).toBe(202);
    expect(json).toMatchObject({ conversation: 1, lane: 'stream', receipt: null, error: null });
    expect(json.stream_endpoint).toBe(`/stream/${json.id}`);
    const pending = (await get('/users/begins/conversations/1/messages')).json.items;
    expect(pending[0]).toMatchObject({
      id: json.id,
      role: 'assistant',
      content: '',
      parent_id: json.request_message_id,
    });
    expect(['queued', 'running']).toContain(pending[0].state);
    expect((await get('/users/begins/conversations/1')).json).toMatchObject({
      number: 1,
      title: 'say Hello.',
      answering: true,
    });
    inference.release();
    const ended = await settled(json.id);
    expect(ended).toMatchObject({ state: 'done', receipt: { state: 'done', lane: 'stream', model: 'scripted' } });
    const { items, next } = (await get('/users/begins/conversations/1/messages')).json;
    expect(next).toBeNull();
    expect(items.map((item: { role: string; content: string }) => [item.role, item.content])).toEqual([
      ['assistant', 'Hello.'],
      ['user', 'say Hello.'],
    ]);
    expect(items[0]).toMatchObject({ id: json.id, state: 'done', siblings: [json.id], receipt: ended.receipt });
    expect(items[0].created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  test('lists page by page, newest activity first; pins and archives sort them', async () => {
    for (let count = 1; count <= 5; count++) await settled((await begin('lists', `say ${count}`)).id);
    const first = (await get('/users/lists/conversations?limit=2')).json;
    expect(first.items.map(({ number }: { number: number }) => number)).toEqual([5, 4]);
    const second = (await get(`/users/lists/conversations?limit=2&after=${encodeURIComponent(first.next)}`)).json;
    expect(second.items.map(({ number }: { number: number }) => number)).toEqual([3, 2]);
    const third = (await get(`/users/lists/conversations?limit=2&after=${encodeURIComponent(second.next)}`)).json;
    expect(third).toMatchObject({ items: [{ number: 1 }], next: null });
    await send('PATCH', '/users/lists/conversations/3', { pinned: true });
    await send('PATCH', '/users/lists/conversations/2', { archived: true });
    const numbers = async (query: string) =>
      (await get(`/users/lists/conversations?${query}`)).json.items.map(({ number }: { number: number }) => number);
    expect(await numbers('pinned=true')).toEqual([3]);
    expect(await numbers('archived=true')).toEqual([2]);
    expect((await numbers('')).sort()).toEqual([1, 3, 4, 5]);
  });

  test('renames, reads and deletes; what is deleted is gone, and stops answering', async () => {
    inference.hold();
    const { id } = await begin('deletes', 'say x');
    const renamed = await send('PATCH', '/users/deletes/conversations/1', { title: 'Éclairs' });
    expect(renamed.json).toMatchObject({ title: 'Éclairs', pinned: false });
    expect((await send('DELETE', '/users/deletes/conversations/1')).status).toBe(204);
    inference.release();
    for (const path of ['', '/messages', '/export']) {
      expect((await get(`/users/deletes/conversations/1${path}`)).json.error.code).toBe('conversation_not_found');
    }
    expect((await get(`/check-response/${id}`)).json.error.code).toBe('generation_not_found');
    expect((await get(`/stream/${id}`)).status).toBe(404);
    expect((await send('DELETE', '/users/deletes/conversations/1')).status).toBe(404);
    expect((await get('/users/deletes/conversations')).json.items).toEqual([]);
  });

  test('branches: an edited message and a regenerated answer stand beside the first ones', async () => {
    const first = await begin('branches', 'say one');
    await settled(first.id);
    const messages = '/users/branches/conversations/1/messages';
    const edited = (await send('POST', messages, { message: 'say two', parent_id: null })).json;
    await settled(edited.id);
    const again = (await send('POST', `${messages}/${first.id}/regenerate`)).json;
    await settled(again.id);
    expect(again.request_message_id).toBe(first.request_message_id);
    const branch = (await get(`${messages}?leaf=${first.id}`)).json.items;
    expect(branch.map(({ content }: { content: string }) => content)).toEqual(['one', 'say one']);
    expect(branch[0].siblings).toEqual([first.id, again.id]);
    expect(branch[1].siblings).toEqual([first.request_message_id, edited.request_message_id]);
    const followUp = (await send('POST', messages, { message: 'say three', parent_id: edited.id })).json;
    await settled(followUp.id);
    const newest = (await get(messages)).json.items.map(({ content }: { content: string }) => content);
    expect(newest).toEqual(['three', 'say three', 'two', 'say two']);
    expect(
      (await send('POST', messages, { message: 'x', parent_id: '01978f2e-6c1a-7d44-9b0e-3f5a2c81d6e7' })).status,
    ).toBe(404);
  });

  test('messages page from the newest down', async () => {
    await settled((await begin('pages', 'say 1')).id);
    const messages = '/users/pages/conversations/1/messages';
    for (const count of [2, 3]) await settled((await send('POST', messages, { message: `say ${count}` })).json.id);
    const first = (await get(`${messages}?limit=4`)).json;
    expect(first.items.map(({ content }: { content: string }) => content)).toEqual(['3', 'say 3', '2', 'say 2']);
    expect(first.next).toBe(first.items[3].id);
    const second = (await get(`${messages}?limit=4&before=${first.next}`)).json;
    expect(second.items.map(({ content }: { content: string }) => content)).toEqual(['1', 'say 1']);
    expect(second.next).toBeNull();
  });

  test('feedback is kept, replaced and taken back', async () => {
    const { id } = await begin('feedback', 'say x');
    await settled(id);
    const path = `/users/feedback/conversations/1/messages/${id}/feedback`;
    const kept = async () => (await get('/users/feedback/conversations/1/messages')).json.items[0].feedback;
    expect((await send('PUT', path, { rating: 'up', comment: 'Good.' })).status).toBe(204);
    expect(await kept()).toEqual({ rating: 'up', comment: 'Good.' });
    await send('PUT', path, { rating: 'down' });
    expect(await kept()).toEqual({ rating: 'down' });
    await send('PUT', path, { rating: null });
    expect(await kept()).toBeNull();
    expect((await send('PUT', path.replace(id, crypto.randomUUID()), { rating: 'up' })).json.error.code).toBe(
      'message_not_found',
    );
  });

  test('exports as Markdown and as JSON', async () => {
    await settled((await begin('exports', 'think Hm.|say Paris.')).id);
    await settled(
      (await send('POST', '/users/exports/conversations/1/messages', { message: 'say Rome.', parent_id: null })).json
        .id,
    );
    const markdown = await get('/users/exports/conversations/1/export');
    expect(markdown.headers.get('content-type')).toBe('text/markdown; charset=utf-8');
    expect(markdown.headers.get('content-disposition')).toBe('attachment; filename="conversation-1.md"');
    expect(markdown.text).toMatch(/^# think Hm\.\|say Paris\.\n/);
    expect(markdown.text.indexOf('Rome.')).toBeLessThan(markdown.text.indexOf('## Other versions'));
    expect(markdown.text.lastIndexOf('Paris.\n')).toBeGreaterThan(markdown.text.indexOf('## Other versions'));
    const json = await get('/users/exports/conversations/1/export?format=json');
    expect(json.headers.get('content-disposition')).toBe('attachment; filename="conversation-1.json"');
    expect(json.json.conversation.number).toBe(1);
    expect(json.json.messages).toHaveLength(4);
    const answers = json.json.messages.filter(({ role }: { role: string }) => role === 'assistant');
    expect(answers[0]).toMatchObject({ content: 'Paris.', reasoning: 'Hm.' });
  });

  test("finds words in the user's own messages", async () => {
    await settled((await begin('searches', 'say Marmalade on toast')).id);
    const { items } = (await get('/users/searches/search?q=marmalade')).json;
    expect(items.length).toBeGreaterThan(0);
    expect(items[0]).toMatchObject({ conversation: 1, title: 'say Marmalade on toast' });
    expect(items[0].passage).toContain('\ue000Marmalade\ue001');
    expect((await get('/users/nobody/search?q=marmalade')).json).toEqual({ items: [] });
    expect((await get('/users/searches/search?q=%20')).status).toBe(400);
  });

  test('stops what waits and what runs, and answers one that has ended as it ended', async () => {
    inference.hold();
    const first = await begin('stops', 'say one');
    const waiting = (await send('POST', '/users/stops/conversations/1/messages', { message: 'say two' })).json;
    expect((await send('POST', `/generations/${waiting.id}/stop`)).json.state).toBe('cancelled');
    await expect.poll(async () => (await get(`/generations/${first.id}`)).json.state).toBe('running');
    expect((await send('POST', `/generations/${first.id}/stop`, {})).json.state).toBe('cancelled');
    inference.release();
    const third = await begin('stops', 'say three');
    await settled(third.id);
    expect((await send('POST', `/generations/${third.id}/stop`)).json.state).toBe('done');
  });

  test('the models are listed, the default first', async () => {
    const { items } = (await get('/models')).json;
    expect(items[0]).toMatchObject({ id: 'scripted', default: true, context_window: 4096, suggestions: ['say hello'] });
  });

  test('takes 32,000 characters, and longer answers than the seed API', async () => {
    const path = '/users/long/conversations';
    expect((await send('POST', path, { message: 'ü'.repeat(32_000), max_tokens: 4096 })).status).toBe(202);
    expect((await send('POST', path, { message: 'ü'.repeat(32_001) })).status).toBe(400);
    expect((await send('POST', path, { message: 'x', max_tokens: 4097 })).status).toBe(400);
    const { status, json } = await send('POST', path, { message: 'x'.repeat(300_000) });
    expect(status).toBe(413);
    expect(json.error).toMatchObject({ code: 'payload_too_large', details: { limit_bytes: 262_144 } });
  });

  test('a user id may be any name', async () => {
    for (const name of ['a/b c', 'ünï-çødé', '名前です', '../..', 'x@y.z', '%2e%2e', 'u'.repeat(50), '😀'.repeat(50)]) {
      const path = `/users/${encodeURIComponent(name)}/conversations`;
      expect((await send('POST', path, { message: 'say x' })).status, name).toBe(202);
      expect((await get(path)).json.items, name).toHaveLength(1);
    }
    expect((await get(`/users/${'u'.repeat(51)}/conversations`)).status).toBe(400);
    expect((await get('/users/ab/conversations')).status).toBe(400);
  });
});
