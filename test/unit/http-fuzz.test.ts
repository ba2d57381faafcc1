import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { routeTable } from '../../src/http/route-table.ts';
import { DEFAULT_REQUEST_LIMITS } from '../../src/protocol/requests.ts';
import { call } from '../support/http-client.ts';
import { complaintAbout, fuzzRoute } from '../support/http-fuzz.ts';
import { KEY, type MemoryStack, startMemoryStack } from '../support/memory-stack.ts';

const ROUTES = routeTable(DEFAULT_REQUEST_LIMITS);

describe('whatever is sent', () => {
  let stack: MemoryStack;
  beforeAll(async () => {
    stack = await startMemoryStack({ options: { syncTimeoutMs: 2000 } });
    await call(stack.url, 'POST', '/chat', { key: KEY, body: { user_id: 'fuzz', message: 'say x' } });
  });
  afterAll(() => stack[Symbol.asyncDispose]());

  test.each(ROUTES.map((route) => [`${route.method} ${route.path}`, route] as const))(
    '%s answers with a documented 4xx',
    async (_name, route) => {
      const complaints: string[] = [];
      let shots = 0;
      for await (const shot of fuzzRoute(stack.url, KEY, route)) {
        shots += 1;
        const complaint = complaintAbout(shot);
        if (complaint) complaints.push(complaint);
      }
      expect(complaints).toEqual([]);
      expect(shots).toBeGreaterThan(5);
      expect((await call(stack.url, 'GET', '/livez')).json).toEqual({ status: 'alive' });
    },
  );

  test('unknown addresses and methods are told from one another', async () => {
    const status = async (method: string, path: string) => {
      const { status: code, json, headers } = await call(stack.url, method, path, { key: KEY });
      return [code, json?.error?.code, headers.get('allow')];
    };
    expect(await status('GET', '/nothing')).toEqual([404, 'not_found', null]);
    expect(await status('GET', '/users/ada/nothing')).toEqual([404, 'not_found', null]);
    expect(await status('GET', '/users/ada')).toEqual([405, 'method_not_allowed', 'DELETE']);
    expect(await status('GET', '/chat')).toEqual([405, 'method_not_allowed', 'POST']);
    expect(await status('DELETE', '/users/ada/conversations/1/messages')).toEqual([
      405,
      'method_not_allowed',
      'POST, GET',
    ]);
    expect(await status('OPTIONS', '/chat')).toEqual([405, 'method_not_allowed', 'POST']);
    expect(await status('GET', '/stream/')).toEqual([404, 'generation_not_found', null]);
    expect((await call(stack.url, 'GET', `/${'x'.repeat(5000)}`)).status).toBe(404);
  });

  test.each([
    ['no HTTP at all', 'hello there\r\n\r\n', 400],
    ['an unknown method', 'BREW / HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['headers without end', `GET /livez HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(40_000)}\r\n\r\n`, 431],
    ['two lengths', 'POST /chat HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}', 400],
    [
      'a length and chunks',
      'POST /chat HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['a negative length', 'POST /chat HTTP/1.1\r\nHost: x\r\nContent-Length: -2\r\n\r\n', 400],
    [
      'a bad chunk',
      `POST /chat HTTP/1.1\r\nHost: x\r\nX-API-Key: ${KEY}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
      400,
    ],
    ['NUL in the address', 'GET /li\0vez HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['no Host', 'GET /livez HTTP/1.1\r\n\r\n', 400],
    ['an upgrade', 'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n', 200],
  ])('%s is answered, and the server lives', async (_what, bytes, expected) => {
    const answer = await exchange(stack.port, bytes);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${expected} `));
    expect((await call(stack.url, 'GET', '/livez')).status).toBe(200);
  });
});

test('a request that never ends is cut off', async () => {
  await using stack = await startMemoryStack({ options: { requestTimeoutMs: 300 } });
  const head = `POST /chat HTTP/1.1\r\nHost: x\r\nX-API-Key: ${KEY}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`;
  expect(await exchange(stack.port, head)).toMatch(/^HTTP\/1.1 408 [\s\S]*request_timeout/);
});

test('what breaks inside is told without its insides, under a number that the log has', async () => {
  await using stack = await startMemoryStack({
    ports: ({ generations }) => ({
      generations: Object.assign(Object.create(generations), {
        find: async () => {
          throw new Error('relation "secret_table" does not exist');
        },
      }),
    }),
  });
  const { status, text, json, headers } = await call(
    stack.url,
    'GET',
    '/generations/01978f2e-6c1a-7d44-9b0e-3f5a2c81d6e7',
    { key: KEY },
  );
  expect(status).toBe(500);
  expect(json).toEqual({
    error: { code: 'internal', message: expect.any(String), request_id: headers.get('x-request-id') },
  });
  expect(text).not.toContain('secret_table');
});

/** Sends bytes and reads until the first answer is whole, or the connection ends. */
function exchange(port: number, bytes: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
  let received = '';
  socket.on('data', (part) => {
    received += part;
    if (received.includes('\r\n\r\n') && (received.endsWith('}') || received.endsWith('\r\n\r\n'))) socket.destroy();
  });
  socket.on('error', () => {});
  socket.on('close', () => resolve(received));
  return promise;
}
