import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { titleFrom } from '../../src/core/conversation-title.ts';
import type { InferenceRequest, InferenceResult } from '../../src/ports/inference.ts';
import { call } from '../support/http-client.ts';
import { KEY, type MemoryStack, OTHER_KEY, startMemoryStack } from '../support/memory-stack.ts';
import { ScriptedInference } from '../support/scripted-inference.ts';

class TitlingInference extends ScriptedInference {
  /** Titles wait for it. */
  gate = Promise.resolve();

  override async generate(...asked: Parameters<ScriptedInference['generate']>): Promise<InferenceResult> {
    const [request, sink] = asked;
    if (!isForTitle(request)) return await super.generate(...asked);
    this.requests.push(request);
    await this.gate;
    sink.text('"A title of its own."\n', 6);
    const usage = { promptTokens: 10, reusedTokens: 0, completionTokens: 6 };
    return { finishReason: 'stop', usage, model: request.model };
  }
}
const isForTitle = ({ messages }: InferenceRequest) => messages.at(-1)!.content.startsWith('Below are the first');

describe('what a user keeps', () => {
  let stack: MemoryStack;
  const inference = new TitlingInference();
  beforeAll(async () => {
    stack = await startMemoryStack({ inference });
  });
  afterAll(() => stack[Symbol.asyncDispose]());

  const get = (path: string, key?: string) => call(stack.url, 'GET', path, key === undefined ? { key: KEY } : { key });
  const send = (method: string, path: string, body?: unknown) => call(stack.url, method, path, { key: KEY, body });
  const settled = async (id: string) =>
    expect.poll(async () => (await get(`/generations/${id}`)).json.receipt).not.toBeNull();
  const begin = async (user: string, body: object) => {
    const { json } = await send('POST', `/users/${user}/conversations`, body);
    await settled(json.id);
    return json;
  };
  const title = async (user: string) => (await get(`/users/${user}/conversations/1`)).json.title;

  test('folders, assistants, prompts and defaults are put under ids of the caller’s', async () => {
    const [folder, assistant] = [randomUUID(), randomUUID()];
    const items = '/users/keeps/items';
    expect((await get(items)).json.items).toEqual([]);
    expect((await send('PUT', `${items}/${folder}`, { kind: 'folder', name: 'Thesis' })).status).toBe(204);
    const tutor = {
      kind: 'assistant',
      name: 'Tutor',
      greeting: '',
      settings: { system_prompt: 'Be brief.', top_p: 0.5 },
    };
    await send('PUT', `${items}/${assistant}`, tutor);
    expect((await get(items)).json.items).toMatchObject([
      { id: folder, kind: 'folder', name: 'Thesis' },
      { id: assistant, ...tutor },
    ]);
    const other = await send('PUT', `${items}/${folder}`, { kind: 'prompt', name: 'x', text: 'y' });
    expect(other.json.error.code).toBe('item_id_taken');
    expect((await send('PUT', `${items}/${randomUUID()}`, { kind: 'share', number: 1 })).status).toBe(400);
    expect((await send('DELETE', `${items}/${folder}`)).status).toBe(204);
    expect((await send('DELETE', `${items}/${folder}`)).json.error.code).toBe('item_not_found');
  });

  test('conversations are moved into folders that there are', async () => {
    const folder = randomUUID();
    await send('PUT', `/users/sorts/items/${folder}`, { kind: 'folder', name: 'Work' });
    await begin('sorts', { message: 'say a', folder });
    await begin('sorts', { message: 'say b' });
    const list = '/users/sorts/conversations';
    const numbers = async (query: string) =>
      (await get(`${list}?folder=${query}`)).json.items.map(({ number }: { number: number }) => number);
    expect([await numbers(folder), await numbers('none')]).toEqual([[1], [2]]);
    expect((await send('PATCH', `${list}/2`, { folder })).json.folder).toBe(folder);
    expect((await send('PATCH', `${list}/1`, { folder: null })).json.folder).toBeNull();
    expect((await send('PATCH', `${list}/1`, { folder: randomUUID() })).json.error.code).toBe('item_not_found');
  });

  test('settings of a conversation reach the model, and a message may say otherwise', async () => {
    const settings = { system_prompt: 'Only rhymes.', temperature: 0.2, max_tokens: 77, model: 'gone since' };
    await begin('settles', { message: 'say a', settings });
    const read = () => inference.requests.at(-1)!;
    expect((await get('/users/settles/conversations/1')).json.settings).toEqual(settings);
    expect(read()).toMatchObject({
      temperature: 0.2,
      maxTokens: 77,
      messages: [{ role: 'system', content: 'Only rhymes.' }, {}],
    });
    const again = await send('POST', '/users/settles/conversations/1/messages', {
      message: 'say b',
      temperature: 1,
      max_tokens: 5,
    });
    await settled(again.json.id);
    expect(read()).toMatchObject({ temperature: 1, maxTokens: 5, messages: [{ content: 'Only rhymes.' }, {}, {}, {}] });
    await send('PATCH', '/users/settles/conversations/1', { settings: {} });
    const { json } = await send('POST', '/users/settles/conversations/1/messages', { message: 'say c' });
    await settled(json.id);
    expect(read().messages[0]?.role).toBe('user');
    expect(read().maxTokens).toBeGreaterThan(77);
  });

  test('a temporary chat is at its address and nowhere else, and may be kept after all', async () => {
    await begin('whispers', { message: 'say secret', temporary: true, auto_title: true });
    const root = '/users/whispers';
    expect((await get(`${root}/conversations/1`)).json.temporary).toBe(true);
    expect((await get(`${root}/conversations`)).json.items).toEqual([]);
    expect((await get(`${root}/search?q=secret`)).json.items).toEqual([]);
    expect((await send('POST', `${root}/conversations/1/shares`)).json.error.code).toBe('not_acceptable_state');
    expect((await send('PATCH', `${root}/conversations/1`, { temporary: true })).status).toBe(400);
    await send('PATCH', `${root}/conversations/1`, { temporary: false });
    expect((await get(`${root}/conversations`)).json.items).toHaveLength(1);
    expect((await get(`${root}/search?q=secret`)).json.items).not.toEqual([]);
  });

  test('a title is made after the first answer, where one is wanted', async () => {
    await begin('titles', { message: 'say it', auto_title: true });
    await expect.poll(() => title('titles')).toBe('A title of its own');
    const asked = inference.requests.find(isForTitle)!;
    expect(asked).toMatchObject({ lane: 'batch', temperature: 0 });
    await begin('untitled', { message: 'say it' });
    expect(await title('untitled')).toBe('say it');
  });

  test('a title that a person gave is never written over', async () => {
    const before = inference.requests.length;
    const { promise, resolve } = Promise.withResolvers<void>();
    inference.gate = promise;
    await begin('names', { message: 'say it', auto_title: true });
    const asked = () => inference.requests.slice(before).find(isForTitle);
    await expect.poll(asked).toBeDefined();
    await send('PATCH', '/users/names/conversations/1', { title: 'Mine' });
    resolve();
    await settled(asked()!.id!);
    await begin('names', { message: 'say more' });
    expect(await title('names')).toBe('Mine');
  });

  test('shares are frozen, open to whoever has the link, and end when they are taken back', async () => {
    await begin('shares', { message: 'say first' });
    const root = '/users/shares';
    const shared = await send('POST', `${root}/conversations/1/shares`);
    expect(shared).toMatchObject({ status: 201, json: { kind: 'share', conversation: 1, title: 'say first' } });
    const later = await send('POST', `${root}/conversations/1/messages`, { message: 'say later' });
    await settled(later.json.id);
    await send('PATCH', `${root}/conversations/1`, { title: 'Renamed' });
    const link = `/shares/${shared.json.id}`;
    const open = await call(stack.url, 'GET', link, {});
    expect(open.headers.get('x-robots-tag')).toContain('noindex');
    expect(open.json).toMatchObject({
      title: 'say first',
      messages: [
        { role: 'user', content: 'say first' },
        { role: 'assistant', content: 'first', model: 'scripted' },
      ],
    });
    expect(JSON.stringify(open.json)).not.toMatch(/shares|receipt|reasoning|"id"/);
    expect((await send('DELETE', `${root}/items/${shared.json.id}`)).status).toBe(204);
    expect((await call(stack.url, 'GET', link, {})).json.error.code).toBe('share_not_found');
    const again = (await send('POST', `${root}/conversations/1/shares`)).json.id;
    await send('DELETE', `${root}/conversations/1`);
    expect((await call(stack.url, 'GET', `/shares/${again}`, {})).json.error.code).toBe('share_not_found');
  });

  test('an import comes once, and only as a tree of turns', async () => {
    const path = '/users/imports/imports';
    const messages = [
      { parent: null, role: 'user', content: 'Hello?', created_at: '2020-01-01T00:00:00Z' },
      { parent: 0, role: 'assistant', content: 'Hi.' },
      { parent: 0, role: 'assistant', content: 'Ho.' },
    ];
    const body = { source: 'chatgpt:1', title: 'Of old', created_at: '2020-01-01T00:00:00Z', messages };
    expect(await send('POST', path, body)).toMatchObject({ status: 201, json: { number: 1, imported: true } });
    expect(await send('POST', path, body)).toMatchObject({ status: 200, json: { number: 1, imported: false } });
    const branch = (await get('/users/imports/conversations/1/messages')).json.items;
    expect(branch.map(({ content }: { content: string }) => content)).toEqual(['Ho.', 'Hello?']);
    expect(branch[1].created_at).toBe('2020-01-01T00:00:00.000Z');
    for (const wrong of [
      [{ parent: null, role: 'assistant', content: 'x' }],
      [{ parent: 0, role: 'user', content: 'x' }],
      [messages[0], { parent: 0, role: 'user', content: 'x' }],
      [messages[0], { parent: 2, role: 'assistant', content: 'x' }, messages[1]],
    ]) {
      const refused = await send('POST', path, { ...body, source: 'chatgpt:2', messages: wrong });
      expect(refused).toMatchObject({ status: 400, json: { error: { code: 'invalid_request' } } });
    }
    const large = { ...body, messages: [{ parent: null, role: 'user', content: 'x'.repeat(1_100_000) }] };
    expect((await send('POST', path, large)).json.error).toMatchObject({
      code: 'payload_too_large',
      details: { limit_bytes: 1_048_576 },
    });
  });

  test('nobody of another workspace sees any of it', async () => {
    const id = randomUUID();
    await send('PUT', `/users/hides/items/${id}`, { kind: 'folder', name: 'Hidden' });
    expect((await get('/users/hides/items', OTHER_KEY)).json.items).toEqual([]);
    const removal = await call(stack.url, 'DELETE', `/users/hides/items/${id}`, { key: OTHER_KEY });
    expect(removal.json.error.code).toBe('item_not_found');
  });
});

test.each([
  ['"The capital of France."', 'The capital of France'],
  ['**Title:** Rain in Oslo\n\nIt is about rain.', 'Rain in Oslo'],
  ['# Größe des Mondes', 'Größe des Mondes'],
  ['「雨の詩」', '雨の詩'],
  ['', null],
  ['…', null],
  ['x'.repeat(81), null],
])('a model’s words %j make the title %j', (text, title) => {
  expect(titleFrom(text)).toBe(title);
});
