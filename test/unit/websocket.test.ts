import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { Errors } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_REQUEST_LIMITS } from '../../src/protocol/requests.ts';
import { socketCommands, socketEvents } from '../../src/protocol/websocket.ts';
import { until } from '../contracts/until.ts';
import { call, type Json } from '../support/http-client.ts';
import { KEY, type MemoryStack, OTHER_KEY, startMemoryStack } from '../support/memory-stack.ts';
import { ScriptedInference } from '../support/scripted-inference.ts';
import { openSocket } from '../support/socket-client.ts';

const HEADERS = { 'x-api-key': KEY };
let stack: MemoryStack;
let model: ScriptedInference;
beforeAll(async () => {
  stack = await startMemoryStack();
  model = stack.inference as ScriptedInference;
});
afterAll(() => stack[Symbol.asyncDispose]());

const start = (message: string, more: Json = {}) => ({ type: 'start', user_id: 'ws-user', message, ...more });

describe('one socket', () => {
  test('starts an answer and tells it to its end', async () => {
    const client = await openSocket(stack.url, HEADERS);
    expect(await client.event('ready')).toEqual({ type: 'ready', workspace: 'default' });
    client.say(start('think Hm.|say one |two', { ref: 'a' }));
    const accepted = await client.event('accepted');
    expect(accepted).toMatchObject({ ref: 'a', replayed: false, generation: { conversation: 1 } });
    const { id } = accepted.generation;
    const end = await client.event('end');
    expect(end).toMatchObject({ generation_id: id, error: null, receipt: { state: 'done' } });
    expect(end.id).toMatch(/-end$/);
    expect(client.text(id)).toBe('one two');
    expect(client.events.map(({ type }) => type)).toContain('reasoning');
    for (const event of client.events) expect([...Errors(socketEvents[event.type], event)]).toEqual([]);
    client.close();
  });

  test('carries several answers beside one another', async () => {
    const client = await openSocket(stack.url, HEADERS);
    for (const word of ['one', 'two', 'three']) client.say(start(`say ${word}`, { ref: word }));
    for (const word of ['one', 'two', 'three']) {
      const { generation } = await client.event('accepted', ({ ref }) => ref === word);
      await client.event('end', ({ generation_id }) => generation_id === generation.id);
      expect(client.text(generation.id)).toBe(word);
    }
    client.close();
  });

  test('resumes behind the last event, to the byte, on another socket', async () => {
    model.hold();
    const first = await openSocket(stack.url, HEADERS);
    first.say(start('say größer |und |weiter'));
    const { generation } = await first.event('accepted');
    model.release();
    const seen = await first.event('text');
    first.close();
    const second = await openSocket(stack.url, HEADERS);
    second.say({ type: 'follow', generation_id: generation.id, from: seen.id });
    await second.event('end');
    expect(seen.text + second.text(generation.id)).toBe('größer und weiter');
    second.say({ type: 'follow', generation_id: generation.id, from: (await second.event('end')).id });
    await until(() => second.events.filter(({ type }) => type === 'end').length === 2);
    second.close();
  });

  test('stops an answer; closing stops none', async () => {
    model.hold();
    const client = await openSocket(stack.url, HEADERS);
    client.say(start('say a|b', { ref: 'left' }));
    client.say(start('say c|d', { ref: 'stopped' }));
    const left = await client.event('accepted', ({ ref }) => ref === 'left');
    const stopped = await client.event('accepted', ({ ref }) => ref === 'stopped');
    await until(async () => (await stateOf(stopped.generation.id)) === 'running');
    client.say({ type: 'stop', generation_id: stopped.generation.id });
    expect((await client.event('stopped')).generation.state).toBe('cancelled');
    client.close();
    await client.closed();
    model.release();
    await until(async () => (await stateOf(left.generation.id)) === 'done');
  });

  const stateOf = async (id: string) => (await call(stack.url, 'GET', `/generations/${id}`, { key: KEY })).json.state;

  test('an idempotency key means the same answer', async () => {
    const client = await openSocket(stack.url, HEADERS);
    client.say(start('say x', { ref: 'first', idempotency_key: 'k1' }));
    client.say(start('say x', { ref: 'again', idempotency_key: 'k1' }));
    client.say(start('say y', { ref: 'other', idempotency_key: 'k1' }));
    const first = await client.event('accepted', ({ ref }) => ref === 'first');
    const again = await client.event('accepted', ({ ref }) => ref === 'again');
    expect(again).toMatchObject({ replayed: true, generation: { id: first.generation.id } });
    expect((await client.event('error')).error.code).toBe('idempotency_conflict');
    client.close();
  });

  test('what is wrong is said by name, and the socket goes on', async () => {
    const client = await openSocket(stack.url, HEADERS);
    const UNKNOWN = '01978f2e-6c1a-7d44-9b0e-3f5a2c81d6e7';
    const wrong: [Json, string][] = [
      ['{', 'invalid_json'],
      [{ type: 'dance' }, 'invalid_request'],
      [null, 'invalid_request'],
      [{ type: 'start', user_id: 'x' }, 'invalid_request'],
      [start('say x', { tempreature: 1 }), 'invalid_request'],
      [start('say x', { conversation_id: 999 }), 'conversation_not_found'],
      [start('say x', { model: 'unknown' }), 'model_unknown'],
      [{ type: 'follow', generation_id: UNKNOWN }, 'generation_not_found'],
      [{ type: 'stop', generation_id: UNKNOWN }, 'generation_not_found'],
      [{ type: 'follow', generation_id: 'x' }, 'invalid_request'],
    ];
    for (const [index, [command, code]] of wrong.entries()) {
      client.say(command);
      await until(() => client.events.filter(({ type }) => type === 'error').length === index + 1);
      const error = client.events.findLast(({ type }) => type === 'error');
      expect(error, JSON.stringify(command)).toMatchObject({ error: { code } });
    }
    client.socket.send(new Uint8Array([1, 2, 3]));
    client.say({ type: 'ping', ref: 'still' });
    expect(await client.event('pong')).toEqual({ type: 'pong', ref: 'still' });
    client.close();
  });

  test('limits are those of HTTP', async () => {
    await using limited = await startMemoryStack({ options: { requestsPerMinute: 1, maxStreamsPerUser: 2 } });
    const client = await openSocket(limited.url, HEADERS);
    client.say(start('say x'));
    await client.event('end');
    client.say(start('say x'));
    const { error } = await client.event('error');
    expect(error.code).toBe('rate_limited');
    expect(error.retry_after_seconds).toBeGreaterThan(0);
    const more = await openSocket(limited.url, HEADERS);
    await more.event('ready');
    const tooMany = await openSocket(limited.url, HEADERS);
    expect((await tooMany.closed()).code).toBe(4429);
    client.close();
    more.close();
  });

  test('a message that is too large closes it', async () => {
    const client = await openSocket(stack.url, HEADERS);
    client.say(start('x'.repeat(300_000)));
    expect((await client.closed()).code).toBe(1009);
  });
});

describe('who it is', () => {
  test('is said in a header: a key, or a bearer token', async () => {
    const bearer = await openSocket(stack.url, { authorization: `Bearer ${OTHER_KEY}` });
    expect((await bearer.event('ready')).workspace).toBe('other');
    bearer.close();
    const wrong = await openSocket(stack.url, { 'x-api-key': 'unknown' });
    expect(wrong.socket.readyState).toBe(WebSocket.CLOSED);
  });

  test('or in the first message, where a browser can send no header', async () => {
    const client = await openSocket(stack.url);
    client.say({ type: 'auth', api_key: KEY, ref: 'me' });
    expect(await client.event('ready')).toEqual({ type: 'ready', ref: 'me', workspace: 'default' });
    client.say(start('say x'));
    await client.event('end');
    client.close();
    const stranger = await openSocket(stack.url);
    stranger.say({ type: 'auth', api_key: 'unknown' });
    expect((await stranger.event('error')).error.code).toBe('unauthorized');
    expect((await stranger.closed()).code).toBe(4401);
    const hasty = await openSocket(stack.url);
    hasty.say(start('say x'));
    expect((await hasty.closed()).code).toBe(4401);
  });

  test('is the local user for the page of this machine, and nobody for another site', async () => {
    const own = `http://127.0.0.1:${stack.port}`;
    const page = await openSocket(stack.url, { origin: own, 'sec-fetch-site': 'same-origin' });
    await page.event('ready');
    page.say(start('say x'));
    expect((await page.event('error')).error.code).toBe('forbidden_user');
    page.say(start('say x', { user_id: 'local' }));
    await page.event('end');
    page.close();
    const foreign = await openSocket(stack.url, { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' });
    foreign.say(start('say x', { user_id: 'local' }));
    expect((await foreign.closed()).code).toBe(4401);
  });

  test('answers of another workspace are not there', async () => {
    const client = await openSocket(stack.url, HEADERS);
    client.say(start('say mine'));
    const { generation } = await client.event('accepted');
    const stranger = await openSocket(stack.url, { 'x-api-key': OTHER_KEY });
    for (const type of ['follow', 'stop']) stranger.say({ type, generation_id: generation.id });
    await until(() => stranger.events.filter(({ type }) => type === 'error').length === 2);
    expect(JSON.stringify(stranger.events)).not.toContain('mine');
    client.close();
    stranger.close();
  });
});

test('plain HTTP is told to upgrade, and other addresses take no sockets', async () => {
  const { status, json } = await call(stack.url, 'GET', '/ws', { key: KEY });
  expect([status, json.error.code]).toEqual([426, 'upgrade_required']);
  const asked = new WebSocket(`${stack.url.replace('http', 'ws')}/livez`);
  await new Promise((resolve) => asked.addEventListener('error', resolve));
});

test('the server closes its sockets when it goes, and waits for nobody who does not answer', async () => {
  const own = await startMemoryStack();
  const client = await openSocket(own.url, HEADERS);
  await client.event('ready');
  const deaf = await rawSocket(own.port);
  deaf.pause();
  const closing = own[Symbol.asyncDispose]();
  expect((await client.closed()).code).toBe(1001);
  await closing;
  deaf.destroy();
});

test('a reader that takes nothing costs bounded memory, and gets every byte in the end', async () => {
  const PIECES = 100;
  const PIECE = 'x'.repeat(64 * 1024);
  const gate = Promise.withResolvers<void>();
  class Flood extends ScriptedInference {
    override async generate(...[request, sink]: Parameters<ScriptedInference['generate']>) {
      await gate.promise;
      for (let written = 0; written < PIECES; written++) {
        sink.text(PIECE, 1);
        await new Promise(setImmediate);
      }
      const usage = { promptTokens: 1, reusedTokens: 0, completionTokens: PIECES };
      return { finishReason: 'stop' as const, usage, model: request.model };
    }
  }
  await using own = await startMemoryStack({ inference: new Flood() });
  const socket = await rawSocket(own.port);
  const starter = await openSocket(own.url, HEADERS);
  starter.say(start('flood'));
  const { generation } = await starter.event('accepted');
  socket.write(frame(JSON.stringify({ type: 'follow', generation_id: generation.id })));
  await expect.poll(async () => (await own.ports.log.stats()).followers).toBe(2);
  socket.pause();
  gate.resolve();
  await starter.event('end');
  // All is written; the one that reads nothing has no more than its buffers' worth of it.
  const ours = own.sockets().find(({ remotePort }) => remotePort === socket.localPort)!;
  await until(() => ours.writableLength > 0);
  expect(ours.writableLength).toBeLessThan(1_000_000);
  const parts: string[] = [];
  socket.resume();
  socket.on('data', (bytes) => parts.push(bytes.toString('latin1')));
  await until(() => parts.join('').includes('"type":"end"'));
  const received = parts.join('');
  const texts = [...received.matchAll(/"type":"text","generation_id":"[^"]+","id":"[^"]+","text":"([^"]*)"/g)].map(
    ([, text]) => text!,
  );
  expect(texts.join('').length).toBe(PIECES * PIECE.length);
  socket.destroy();
  starter.close();
});

/** A client of bytes, which can stop reading. */
async function rawSocket(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  const nonce = randomBytes(16).toString('base64');
  socket.write(
    `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nX-API-Key: ${KEY}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${nonce}\r\n\r\n`,
  );
  await new Promise((resolve) => socket.once('readable', resolve));
  return socket;
}

/** A masked text frame, as a client must send it; the mask is zero. */
function frame(text: string): Buffer {
  const payload = Buffer.from(text);
  const head =
    payload.length < 126
      ? Buffer.from([0x81, 0x80 | payload.length])
      : Buffer.from([0x81, 0xfe, payload.length >> 8, payload.length & 0xff]);
  return Buffer.concat([head, Buffer.alloc(4), payload]);
}

describe('the AsyncAPI document', () => {
  test('has every command and event, and refers to nothing that it lacks', async () => {
    const { json } = await call(stack.url, 'GET', '/asyncapi.json');
    const names = [...Object.keys(socketCommands(DEFAULT_REQUEST_LIMITS)), ...Object.keys(socketEvents)];
    expect(Object.keys(json.components.messages)).toEqual(names);
    expect(Object.keys(json.channels.socket.messages)).toEqual(names);
    const text = JSON.stringify(json);
    for (const [, path] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      expect(
        path!.split('/').reduce((at: Json, step) => at?.[step], json),
        path,
      ).toBeDefined();
    }
  });
});
