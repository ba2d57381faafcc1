import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { routeTable } from '../../src/http/route-table.ts';
import { DEFAULT_REQUEST_LIMITS } from '../../src/protocol/requests.ts';
import { askAs, codeOf, MATRIX, type Owned, PRINCIPALS } from '../support/access-matrix.ts';
import { call, rawCall } from '../support/http-client.ts';
import { KEY, type MemoryStack, OTHER_KEY, startMemoryStack } from '../support/memory-stack.ts';
import { MODEL } from '../support/scripted-inference.ts';

const ROUTES = routeTable(DEFAULT_REQUEST_LIMITS);
const KEYS = { owner: KEY, 'other workspace': OTHER_KEY, 'unknown key': 'no such key', nobody: undefined };

describe('who may do what', () => {
  test('every route has a row', () => {
    expect(Object.keys(MATRIX).sort()).toEqual(ROUTES.map(({ id }) => id).sort());
  });

  describe('route by route', () => {
    let stack: MemoryStack;
    let owned: Owned;
    beforeAll(async () => {
      stack = await startMemoryStack();
      const body = { user_id: 'owner', message: 'say the secret' };
      // A number that no conversation of the stranger's own has.
      const ask = () => call(stack.url, 'POST', '/chat', { key: KEY, body });
      await ask();
      await ask();
      const { json } = await ask();
      const messages = await call(stack.url, 'GET', `/users/owner/conversations/${json.conversation_id}/messages`, {
        key: KEY,
      });
      const { id } = messages.json.items[0];
      owned = { user_id: 'owner', number: json.conversation_id, messageId: id, generationId: id, model: MODEL };
    });
    afterAll(() => stack[Symbol.asyncDispose]());

    for (const id of Object.keys(MATRIX)) {
      const route = ROUTES.find((each) => each.id === id)!;
      for (const name of PRINCIPALS) {
        test(`${route.method} ${route.path} as ${name}`, async () => {
          const key = KEYS[name];
          const { reply, expected } = await askAs(stack.url, route, { name, ...(key && { key }) }, owned);
          expect(reply.status, reply.text).toBe(expected);
          if (name !== 'owner') expect(reply.text).not.toContain('the secret');
          if (expected === 401) {
            const native = ['code', 'message', 'request_id'];
            const fields = route.group === 'OpenAI' ? ['message', 'type', 'param', 'code'] : native;
            expect(Object.keys(reply.json.error)).toEqual(fields);
            expect(codeOf(reply)).toBe('unauthorized');
          }
        });
      }
    }
  });

  test('user ids are names within a workspace, not of the world', async () => {
    await using stack = await startMemoryStack();
    const ask = (key: string, message: string) =>
      call(stack.url, 'POST', '/chat', { key, body: { user_id: 'ada', message } });
    await ask(KEY, 'say mine');
    await ask(OTHER_KEY, 'say theirs');
    const seen = async (key: string) =>
      (await call(stack.url, 'GET', '/users/ada/conversations/1/messages', { key })).text;
    expect(await seen(KEY)).toContain('mine');
    expect(await seen(KEY)).not.toContain('theirs');
    expect(await seen(OTHER_KEY)).toContain('theirs');
  });
});

describe('the local user', () => {
  let stack: MemoryStack;
  beforeAll(async () => {
    stack = await startMemoryStack();
  });
  afterAll(() => stack[Symbol.asyncDispose]());
  const LIST = '/users/local/conversations';
  const ask = (headers: Record<string, string>, method = 'GET', path = LIST, body?: string) =>
    rawCall(stack.port, method, path, { ...(body && { 'content-type': 'application/json' }), ...headers }, body);
  const host = () => `127.0.0.1:${stack.port}`;
  const browser = (name = host()) => ({ host: name, 'sec-fetch-site': 'same-origin' });

  test('is whoever sits at this machine and uses the page', async () => {
    expect((await ask(browser())).status).toBe(200);
    expect((await ask(browser(`localhost:${stack.port}`))).status).toBe(200);
    expect((await ask({ host: host(), origin: `http://${host()}` })).status).toBe(200);
    expect((await ask({ host: host(), 'sec-fetch-site': 'none' })).status).toBe(200);
    const session = await ask(browser(), 'GET', '/session');
    expect(session.json).toEqual({ user_id: 'local', workspace: 'default', signed_in: false, operates: false });
    const body = JSON.stringify({ message: 'say hello' });
    expect((await ask(browser(), 'POST', LIST, body)).status).toBe(202);
  });

  test('is not a program without a key', async () => {
    expect((await ask({ host: host() })).json.error.code).toBe('unauthorized');
  });

  test.each([
    ['a name that resolves here', () => browser('evil.example')],
    ['that name with our port', () => browser(`evil.example:${stack.port}`)],
    ['a port that is not ours', () => browser('127.0.0.1:1')],
    ['no port', () => browser('127.0.0.1')],
    ['another site', () => ({ host: host(), origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' })],
    ['another site that hides its origin', () => ({ host: host(), origin: 'null' })],
    [
      'another port of this machine',
      () => ({ host: host(), origin: 'http://127.0.0.1:3000', 'sec-fetch-site': 'same-site' }),
    ],
    ['a link on another site', () => ({ host: host(), 'sec-fetch-site': 'cross-site' })],
  ])('is not %s', async (_what, headers) => {
    for (const [method, path, body] of [
      ['GET', LIST, undefined],
      ['POST', LIST, '{"message":"say x"}'],
      ['POST', '/chat', '{"user_id":"local","message":"say x"}'],
      ['GET', '/session', undefined],
      ['GET', '/metrics', undefined],
    ] as const) {
      const { status, json } = await ask(headers(), method, path, body);
      expect(status, `${method} ${path}`).toBe(403);
      expect(json.error.code).toBe('forbidden_origin');
    }
  });

  test('cannot be written for by an address typed or a link followed', async () => {
    expect((await ask({ host: host(), 'sec-fetch-site': 'none' }, 'POST', LIST, '{"message":"x"}')).status).toBe(403);
  });

  test('is not whom a proxy speaks for', async () => {
    for (const header of ['x-forwarded-for', 'x-real-ip', 'forwarded', 'via', 'x-forwarded-host']) {
      expect((await ask({ ...browser(), [header]: '10.0.0.1' })).json.error.code, header).toBe('unauthorized');
    }
  });

  test('has no other name, and sees no answer of another user', async () => {
    expect((await ask(browser(), 'GET', '/users/ada/conversations')).json.error.code).toBe('forbidden_user');
    const body = '{"user_id":"ada","message":"say x"}';
    expect((await ask(browser(), 'POST', '/chat', body)).json.error.code).toBe('forbidden_user');
    const { json } = await call(stack.url, 'POST', '/stream-chat', {
      key: KEY,
      body: { user_id: 'ada', message: 'say x' },
    });
    for (const path of [
      `/stream/${json.correlation_id}`,
      `/check-response/${json.correlation_id}`,
      `/generations/${json.correlation_id}`,
    ]) {
      expect((await ask(browser(), 'GET', path)).status).toBe(404);
    }
    expect((await ask(browser(), 'POST', `/generations/${json.correlation_id}/stop`)).status).toBe(404);
  });

  test('a key that is sent decides alone', async () => {
    expect((await ask({ ...browser(), 'x-api-key': 'unknown' })).status).toBe(401);
    expect((await ask({ ...browser(), 'x-api-key': '' })).status).toBe(401);
    expect((await ask({ ...browser('evil.example'), 'x-api-key': KEY })).status).toBe(200);
  });

  test('is nobody where others can reach the server', async () => {
    await using open = await startMemoryStack({ options: { localUser: false } });
    const headers = { host: `127.0.0.1:${open.port}`, 'sec-fetch-site': 'same-origin' };
    expect((await rawCall(open.port, 'GET', LIST, headers)).json.error.code).toBe('unauthorized');
  });
});

describe('a session', () => {
  const signIn = (stack: MemoryStack, api_key: string, headers?: Record<string, string>) =>
    call(stack.url, 'POST', '/session', { body: { api_key }, ...(headers && { headers }) });

  test('exchanges a key for a cookie, and ends', async () => {
    await using stack = await startMemoryStack({ options: { localUser: false } });
    expect((await call(stack.url, 'GET', '/session')).status).toBe(401);
    expect((await signIn(stack, 'wrong')).status).toBe(401);
    const opened = await signIn(stack, OTHER_KEY);
    expect(opened.status).toBe(204);
    const set = opened.headers.get('set-cookie')!;
    expect(set).toMatch(/HttpOnly/);
    expect(set).toMatch(/SameSite=Strict/);
    expect(set).toMatch(/Path=\//);
    expect(set).not.toContain(OTHER_KEY);
    const cookie = set.split(';')[0]!;
    const headers = { cookie };
    expect((await call(stack.url, 'GET', '/session', { headers })).json).toEqual({
      user_id: 'local',
      workspace: 'other',
      signed_in: true,
      operates: false,
    });
    expect(
      (await call(stack.url, 'POST', '/users/local/conversations', { headers, body: { message: 'say x' } })).status,
    ).toBe(202);
    expect((await call(stack.url, 'GET', '/users/ada/conversations', { headers })).json.error.code).toBe(
      'forbidden_user',
    );
    const foreign = { ...headers, origin: 'https://evil.example' };
    expect(
      (await call(stack.url, 'POST', '/users/local/conversations', { headers: foreign, body: { message: 'x' } })).json
        .error.code,
    ).toBe('forbidden_origin');
    expect((await call(stack.url, 'DELETE', '/session', { headers })).status).toBe(204);
    expect((await call(stack.url, 'GET', '/session', { headers })).status).toBe(401);
  });

  test('is Secure where people come by https', async () => {
    await using stack = await startMemoryStack({ options: { localUser: false, publicUrl: 'https://chat.example' } });
    expect((await signIn(stack, KEY)).headers.get('set-cookie')).toMatch(/Secure/);
  });

  test('cannot be opened from another site, nor by guessing', async () => {
    await using stack = await startMemoryStack({ options: { localUser: false } });
    expect((await signIn(stack, KEY, { origin: 'https://evil.example' })).json.error.code).toBe('forbidden_origin');
    const guesses = [];
    for (let count = 0; count < 12; count++) guesses.push((await signIn(stack, `guess-${count}`)).status);
    expect(guesses.slice(0, 10)).toEqual(Array(10).fill(401));
    expect(guesses.at(-1)).toBe(429);
  });
});
