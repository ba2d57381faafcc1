import { afterAll, beforeAll, expect, test } from 'vitest';
import { contextKey } from '../../src/core/conversation-context.ts';
import { call } from '../support/http-client.ts';
import { KEY, type MemoryStack, OTHER_KEY, startMemoryStack } from '../support/memory-stack.ts';
import type { ScriptedInference } from '../support/scripted-inference.ts';

let stack: MemoryStack;
let inference: ScriptedInference;
beforeAll(async () => {
  stack = await startMemoryStack();
  inference = stack.inference as ScriptedInference;
});
afterAll(() => stack[Symbol.asyncDispose]());

const send = (method: string, path: string, body?: unknown, key = KEY) => call(stack.url, method, path, { key, body });

test('a user is deleted while an answer is being made: it stops, all is gone, and the receipt says how much', async () => {
  const said = { user_id: 'leaves', message: 'say I|am|here' };
  const { json } = await send('POST', '/chat', said);
  await send('POST', '/chat', said, OTHER_KEY);
  const { items } = (await send('GET', `/users/leaves/conversations/${json.conversation_id}/messages`)).json;
  const { conversationId } = (await stack.ports.generations.find(items[0].id))!;
  expect(await stack.ports.cache.get(contextKey(conversationId))).not.toBeNull();
  inference.hold();
  const running = (await send('POST', '/async-chat', { ...said, conversation_id: json.conversation_id })).json;
  await expect.poll(async () => (await stack.ports.generations.find(running.correlation_id))?.state).toBe('running');
  const stream = send('GET', `/stream/${running.correlation_id}`);

  const deleted = await send('DELETE', '/users/leaves');
  inference.release();
  expect(deleted.status).toBe(200);
  expect(deleted.json).toMatchObject({
    finished_at: expect.stringMatching(/Z$/),
    erased: { conversations: 1, messages: 4, archived_messages: 0, generations: 2 },
    cleared: { stopped: 1, contexts: 1, token_logs: 2 },
    databases: ['memory'],
  });
  await stream;
  expect(await stack.ports.cache.get(contextKey(conversationId))).toBeNull();
  expect((await send('GET', `/check-response/${running.correlation_id}`)).status).toBe(404);
  expect((await send('GET', `/stream/${items[0].id}`)).status).toBe(404);
  expect((await send('GET', '/users/leaves/conversations')).json.items).toEqual([]);
  for (const id of [items[0].id, running.correlation_id]) {
    const attached = await stack.ports.log.attach(id, { epoch: 0, at: { text: 0, reasoning: 0 } }, () => {});
    expect(attached.snapshot).toBeNull();
    attached.detach();
  }

  const again = await send('DELETE', '/users/leaves');
  expect([again.status, again.json]).toEqual([200, deleted.json]);
  expect((await send('GET', '/users/leaves/conversations', undefined, OTHER_KEY)).json.items).toHaveLength(1);

  const back = await send('POST', '/chat', { ...said, message: 'say again' });
  expect(back.json).toMatchObject({ response: 'again', conversation_id: 1 });
});

test('a stranger is not found, in this workspace or another', async () => {
  await send('POST', '/chat', { user_id: 'elsewhere', message: 'say x' }, OTHER_KEY);
  for (const name of ['nobody-yet', 'elsewhere']) {
    const { status, json } = await send('DELETE', `/users/${name}`);
    expect([status, json.error.code]).toEqual([404, 'user_not_found']);
  }
});

test('what is kept can be counted and exported before it is deleted, and the receipt asked for afterwards', async () => {
  const root = '/users/leaves-with-all';
  const stored = async () => (await send('GET', `${root}/data`)).json;
  expect(await stored()).toMatchObject({ conversations: { kept: 0 }, messages: { recent: 0, bytes: 0 } });
  expect((await send('GET', `${root}/deletion`)).json.error.code).toBe('deletion_not_found');
  for (const message of ['say one', 'say two', 'say three']) {
    await send('POST', '/chat', { user_id: 'leaves-with-all', message });
  }
  const id = '0f7c2f4e-8a1b-4c3d-9e5f-6a7b8c9d0e1f';
  await send('PUT', `${root}/items/${id}`, { kind: 'prompt', name: 'Sum up', text: 'Sum up {{text}}' });
  await send('PATCH', `${root}/conversations/2`, { archived: true });
  await send('DELETE', `${root}/conversations/3`);
  expect(await stored()).toMatchObject({
    conversations: { kept: 2, archived: 1, temporary: 0, deleted: 1 },
    generations: 3,
    items: { folders: 0, prompts: 1 },
  });
  const exported = await send('GET', `${root}/export`);
  expect(exported.headers.get('content-disposition')).toContain('attachment');
  expect(exported.json).toMatchObject({
    format: 'chatterbot',
    items: [{ id, kind: 'prompt' }],
    conversations: [
      { conversation: { number: 1 }, messages: [{ content: 'say one' }, { content: 'one' }] },
      { conversation: { number: 2, archived: true }, messages: [{ content: 'say two' }, { content: 'two' }] },
    ],
  });
  const deleted = (await send('DELETE', root)).json;
  await send('POST', '/chat', { user_id: 'leaves-with-all', message: 'say again' });
  expect((await send('GET', `${root}/deletion`)).json).toEqual(deleted);
  expect(await stored()).toMatchObject({ conversations: { kept: 1, deleted: 0 }, items: { prompts: 0 } });
});
