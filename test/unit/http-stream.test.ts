import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { applyEvents, call, openStream, parseSse } from '../support/http-client.ts';
import { KEY, type MemoryStack, startMemoryStack } from '../support/memory-stack.ts';
import { MODEL, type ScriptedInference } from '../support/scripted-inference.ts';

const PIECES = ['Héllo ', 'wörld', ' — ', '日本語', ' 😀', '\n"quoted" \\ \u2028 end'];
const MESSAGE = `think Let me see.|say ${PIECES.join('|')}`;
const TEXT = PIECES.join('');

async function ask(stack: MemoryStack, message: string, user_id = 'reader'): Promise<string> {
  const { json } = await call(stack.url, 'POST', '/stream-chat', { key: KEY, body: { user_id, message } });
  return json.correlation_id;
}

const read = async (stack: MemoryStack, id: string, lastEventId?: string) =>
  (await openStream(stack.url, `/stream/${id}`, KEY, lastEventId)).rest();

describe('GET /stream', () => {
  let stack: MemoryStack;
  let inference: ScriptedInference;
  beforeAll(async () => {
    stack = await startMemoryStack({ options: { heartbeatMs: 30 } });
    inference = stack.inference as ScriptedInference;
  });
  afterAll(() => stack[Symbol.asyncDispose]());

  test('has the headers that keep proxies and browsers from buffering', async () => {
    const stream = await openStream(stack.url, `/stream/${await ask(stack, 'say x')}`, KEY);
    await stream.rest();
    expect(stream.response.status).toBe(200);
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(stream.response.headers.get('cache-control')).toBe('no-cache, no-transform');
    expect(stream.response.headers.get('x-accel-buffering')).toBe('no');
    expect(stream.received.startsWith('retry: 1000\n\n')).toBe(true);
  });

  test('is, to the byte, what the format says', async () => {
    const id = await ask(stack, 'say Once');
    await read(stack, id);
    const { text } = await call(stack.url, 'GET', `/stream/${id}`, { key: KEY });
    const receipt = (await call(stack.url, 'GET', `/generations/${id}`, { key: KEY })).json.receipt;
    expect(text.replaceAll(': hb\n\n', '')).toBe(
      'retry: 1000\n\n' +
        'id: 1-4\ndata: {"token":"Once","done":false}\n\n' +
        `id: 1-4\ndata: {"token":"","done":true,"receipt":${JSON.stringify(receipt)}}\n\n` +
        'id: 1-4-end\ndata: [DONE]\n\n',
    );
  });

  test('live: the model, the reasoning, the text and one end, each with an id', async () => {
    inference.hold();
    const id = await ask(stack, MESSAGE, 'live');
    const stream = await openStream(stack.url, `/stream/${id}`, KEY);
    await stream.until((events) => events.some(({ name }) => name === 'start'));
    inference.release();
    const events = await stream.rest();
    expect(events.every(({ id: eventId }) => /^\d+-\d+(\.\d+)?(-end)?$/.test(eventId ?? ''))).toBe(true);
    expect(events.find(({ name }) => name === 'start')!.json).toEqual({ model: MODEL });
    expect(
      events
        .filter(({ name }) => name === 'reasoning')
        .map(({ json }) => json.token)
        .join(''),
    ).toBe('Let me see.');
    expect(applyEvents(events).toString()).toBe(TEXT);
    expect(events.filter(({ json }) => json?.done)).toHaveLength(1);
    expect(events.at(-2)!.json).toMatchObject({ token: '', done: true, receipt: { generation_id: id, state: 'done' } });
    expect(events.at(-1)).toMatchObject({ data: '[DONE]', id: `${events.at(-2)!.id}-end` });
    expect(events.filter(({ data }) => data === '[DONE]')).toHaveLength(1);
  });

  test('resumes behind every event, while it is written and after, to the byte', async () => {
    inference.hold();
    const id = await ask(stack, MESSAGE, 'resumes');
    const live = await openStream(stack.url, `/stream/${id}`, KEY);
    inference.release();
    const whole = await live.rest();
    for (let taken = 0; taken < whole.length - 1; taken++) {
      const before = applyEvents(whole.slice(0, taken + 1));
      const rest = await read(stack, id, whole[taken]!.id!);
      expect(applyEvents(rest, before).toString(), `after ${whole[taken]!.id}`).toBe(TEXT);
      expect(rest.at(-1)!.data).toBe('[DONE]');
      const byQuery = await call(stack.url, 'GET', `/stream/${id}?last_event_id=${whole[taken]!.id}`, { key: KEY });
      expect(parseSse(byQuery.text)).toEqual(rest);
    }
  });

  test('resumes at every character, whatever the pieces were', async () => {
    const id = await ask(stack, MESSAGE, 'characters');
    const whole = await read(stack, id);
    const reasoning = whole.at(-1)!.id!.split('.')[1]!.split('-')[0];
    let bytes = 0;
    for (const character of ['', ...TEXT]) {
      bytes += Buffer.byteLength(character);
      const rest = await read(stack, id, `1-${bytes}.${reasoning}`);
      const before = Buffer.from(TEXT).subarray(0, bytes);
      expect(applyEvents(rest, before).toString()).toBe(TEXT);
    }
  });

  test('answers 204 to a reader that has the end, and only to that one', async () => {
    const id = await ask(stack, 'say x', 'ends');
    const events = await read(stack, id);
    const rest = (lastEventId: string) =>
      call(stack.url, 'GET', `/stream/${id}`, { key: KEY, headers: { 'last-event-id': lastEventId } });
    const ended = await rest(events.at(-1)!.id!);
    expect(ended.status).toBe(204);
    expect(ended.text).toBe('');
    const again = await rest(events.at(-2)!.id!);
    expect(again.status).toBe(200);
    expect(
      parseSse(again.text)
        .map(({ data }) => data)
        .at(-1),
    ).toBe('[DONE]');
  });

  test.each(['nonsense', '1', '1-', '-1-4', '1-4-fin', '1-4.x', '1-99999999999999', ' 1-4', '1e3-4', '999-0'])(
    'refuses the Last-Event-ID %j',
    async (lastEventId) => {
      const id = await ask(stack, 'say x', 'malformed');
      const query = `?last_event_id=${encodeURIComponent(lastEventId)}`;
      const { status, json } = await call(stack.url, 'GET', `/stream/${id}${query}`, { key: KEY });
      expect(status).toBe(400);
      expect(json.error.code).toBe('event_id_invalid');
    },
  );

  test('puts a reader right that claims more than there is', async () => {
    const id = await ask(stack, 'say short', 'future');
    await read(stack, id);
    const events = await read(stack, id, '1-4000');
    expect(applyEvents(events, Buffer.from(`short${'x'.repeat(3995)}`)).toString()).toBe('short');
  });

  test('an empty Last-Event-ID is none', async () => {
    const id = await ask(stack, 'say x', 'empty');
    const { text } = await call(stack.url, 'GET', `/stream/${id}`, { key: KEY, headers: { 'last-event-id': '' } });
    expect(applyEvents(parseSse(text)).toString()).toBe('x');
  });

  test('is the same under /generations', async () => {
    const id = await ask(stack, 'say x', 'same');
    await read(stack, id);
    const texts = await Promise.all(
      [`/stream/${id}`, `/generations/${id}/stream`].map(
        async (path) => (await call(stack.url, 'GET', path, { key: KEY })).text,
      ),
    );
    expect(texts[1]).toBe(texts[0]);
  });

  test('tells of its life by comments while nothing else is said', async () => {
    inference.hold();
    const stream = await openStream(stack.url, `/stream/${await ask(stack, 'say x', 'heart')}`, KEY);
    await stream.until((_events, received) => received.split(': hb\n\n').length > 3);
    inference.release();
    expect(applyEvents(await stream.rest()).toString()).toBe('x');
  });

  test('says why there is no answer: failed', async () => {
    const events = await read(stack, await ask(stack, 'fail', 'fails'));
    const [error, done, end] = events.slice(-3);
    expect(error).toMatchObject({ name: 'error', json: { code: 'generation_failed', message: expect.any(String) } });
    expect(done!.json).toMatchObject({ token: '', done: true, receipt: { state: 'failed' } });
    expect(end!.data).toBe('[DONE]');
  });

  test('says why there is no answer: stopped before it began; a stopped text needs no excuse', async () => {
    inference.hold();
    const id = await ask(stack, 'say never', 'stops');
    const stream = await openStream(stack.url, `/stream/${id}`, KEY);
    await stream.until((events) => events.length > 0);
    const stopped = await call(stack.url, 'POST', `/generations/${id}/stop`, { key: KEY });
    expect(stopped.json).toMatchObject({ state: 'cancelled', receipt: { finish_reason: 'cancelled' } });
    inference.release();
    const events = await stream.rest();
    expect(events.find(({ name }) => name === 'error')!.json.code).toBe('answer_stopped');
    expect(events.at(-2)!.json.receipt.state).toBe('cancelled');
  });

  test('a reader that leaves stops nothing', async () => {
    inference.hold();
    const id = await ask(stack, 'say still|here', 'leaves');
    const stream = await openStream(stack.url, `/stream/${id}`, KEY);
    await stream.until((events) => events.length > 0);
    stream.leave();
    await expect.poll(async () => (await stack.ports.log.stats()).followers).toBe(0);
    inference.release();
    expect(applyEvents(await read(stack, id)).toString()).toBe('stillhere');
  });

  test('many readers of one answer read the same', async () => {
    inference.hold();
    const id = await ask(stack, MESSAGE, 'many');
    const streams = await Promise.all(Array.from({ length: 10 }, () => openStream(stack.url, `/stream/${id}`, KEY)));
    inference.release();
    const texts = await Promise.all(streams.map(async (stream) => applyEvents(await stream.rest()).toString()));
    expect(new Set(texts)).toEqual(new Set([TEXT]));
  });
});

test('a user may have so many streams open, and a closed one makes room', async () => {
  await using stack = await startMemoryStack({ options: { maxStreamsPerUser: 2 } });
  const inference = stack.inference as ScriptedInference;
  inference.hold();
  const id = await ask(stack, 'say x');
  const streams = [
    await openStream(stack.url, `/stream/${id}`, KEY),
    await openStream(stack.url, `/stream/${id}`, KEY),
  ];
  await Promise.all(streams.map((stream) => stream.until((_events, received) => received !== '')));
  const refused = await call(stack.url, 'GET', `/stream/${id}`, { key: KEY });
  expect(refused.status).toBe(429);
  expect(refused.json.error).toMatchObject({ code: 'too_many_streams', details: { limit: 2 } });
  expect(refused.headers.get('retry-after')).not.toBeNull();
  streams[0]!.leave();
  await expect
    .poll(async () => {
      const next = await openStream(stack.url, `/stream/${id}`, KEY);
      next.leave();
      return next.response.status;
    })
    .toBe(200);
  inference.release();
});

test('a server that closes ends its streams without an end, so that readers come back', async () => {
  const stack = await startMemoryStack();
  const inference = stack.inference as ScriptedInference;
  inference.hold();
  const stream = await openStream(stack.url, `/stream/${await ask(stack, 'say x')}`, KEY);
  await stream.until((events) => events.length > 0);
  const closed = stack.app.close();
  const events = await stream.rest();
  await closed;
  expect(events.some(({ data }) => data === '[DONE]')).toBe(false);
  inference.release();
  await stack[Symbol.asyncDispose]();
});

test('a reader that takes nothing holds no more than a socket full of memory', async () => {
  await using stack = await startMemoryStack();
  const piece = 'x'.repeat(512);
  const inference = stack.inference as ScriptedInference;
  inference.hold();
  const id = await ask(stack, 'say start', 'slow');
  const socket = connect(stack.port, '127.0.0.1');
  socket.write(`GET /stream/${id} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${KEY}\r\n\r\n`);
  socket.once('data', () => socket.pause());
  await expect.poll(async () => (await stack.ports.log.stats()).followers).toBe(1);
  const { log } = stack.ports;
  await expect.poll(() => inference.requests.length).toBe(1);
  // The owner's own epoch: the text goes past the model, as fast as it can.
  let at = 0;
  for (let round = 0; round < 100; round++) {
    const text = Buffer.from(piece.repeat(128));
    const [outcome] = await log.append([
      { id, epoch: 1, at: { text: at, reasoning: 0 }, text, reasoning: Buffer.alloc(0) },
    ]);
    expect(outcome!.kind).toBe('appended');
    at += text.length;
    await new Promise(setImmediate);
  }
  const held = stack.sockets().map((each) => each.writableLength);
  expect(at).toBeGreaterThan(6_500_000);
  expect(Math.max(...held)).toBeLessThan(1_000_000);
  socket.destroy();
  inference.release();
});
