import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EmbeddedServer } from '../support/embedded-server.ts';
import { applyEvents, openStream, parseSse, type SseEvent } from '../support/http-client.ts';

describe('streams of the embedded server', () => {
  let server: EmbeddedServer;
  beforeAll(async () => {
    server = await EmbeddedServer.start({ ENGINE_PACE_MS: 10, STREAM_HEARTBEAT: 0.2 });
    await server.modelIsReady();
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  const ask = async (user_id: string, max_tokens: number): Promise<string> => {
    const body = { user_id, message: 'Tell me a story.', max_tokens };
    return (await server.call('POST', '/stream-chat', { body })).json.correlation_id;
  };
  const open = (id: string, lastEventId?: string) => openStream(server.url, `/stream/${id}`, server.key, lastEventId);
  const stored = async (id: string): Promise<string> => {
    const look = async () => (await server.call('GET', `/check-response/${id}`)).json;
    await expect.poll(look, { timeout: 30_000 }).toHaveProperty('response');
    return (await look()).response;
  };
  const textOf = (events: readonly SseEvent[], before?: Buffer) => applyEvents(events, before).toString();

  test('an answer comes token by token, with one end', async () => {
    const id = await ask('live', 40);
    const events = await (await open(id)).rest();
    const tokens = events.filter(({ name, json }) => name === 'message' && json && !json.done);
    expect(tokens.length).toBeGreaterThan(3);
    expect(textOf(events)).toBe(await stored(id));
    expect(events.find(({ name }) => name === 'start')?.json.model).toEqual(expect.any(String));
    expect(events.at(-2)!.json).toMatchObject({ token: '', done: true, receipt: { generation_id: id, state: 'done' } });
    expect(events.at(-1)).toMatchObject({ data: '[DONE]', id: `${events.at(-2)!.id}-end` });
  });

  test('is, to the byte, what the format says', async () => {
    const id = await ask('bytes', 12);
    const text = await stored(id);
    const { json } = await server.call('GET', `/generations/${id}`);
    const length = Buffer.byteLength(text);
    const stream = await open(id);
    await stream.rest();
    expect(stream.received.replaceAll(': hb\n\n', '')).toBe(
      'retry: 1000\n\n' +
        `id: 1-${length}\ndata: ${JSON.stringify({ token: text, done: false })}\n\n` +
        `id: 1-${length}\ndata: ${JSON.stringify({ token: '', done: true, receipt: json.receipt })}\n\n` +
        `id: 1-${length}-end\ndata: [DONE]\n\n`,
    );
  });

  test('resumes behind every event: live, after the end, and once more after a restart', async () => {
    const id = await ask('resumes', 30);
    const whole = await (await open(id)).rest();
    const text = await stored(id);
    const readAll = async () => {
      for (let taken = 0; taken < whole.length - 1; taken++) {
        const before = applyEvents(whole.slice(0, taken + 1));
        const rest = await (await open(id, whole[taken]!.id!)).rest();
        expect(textOf(rest, before), `behind ${whole[taken]!.id}`).toBe(text);
        expect(rest.at(-1)!.data).toBe('[DONE]');
      }
    };
    await readAll();
    await server.kill();
    await server.start();
    await readAll();
  });

  test('resumes again and again while it is written', async () => {
    const id = await ask('again', 60);
    let before = Buffer.alloc(0);
    let lastEventId: string | undefined;
    for (let connection = 0; ; connection++) {
      const stream = await open(id, lastEventId);
      const seen = await stream.until((events) => events.filter(({ json }) => json?.token).length >= 2);
      stream.leave();
      before = applyEvents(seen, before) as typeof before;
      lastEventId = seen.at(-1)?.id ?? lastEventId;
      if (seen.some(({ data }) => data === '[DONE]')) break;
      expect(connection).toBeLessThan(200);
    }
    expect(before.toString()).toBe(await stored(id));
    const ended = await server.call('GET', `/stream/${id}`, { headers: { 'last-event-id': lastEventId! } });
    expect(ended.status).toBe(204);
  });

  test('refuses ids that are none, and puts right those that claim too much', async () => {
    const id = await ask('ids', 12);
    const text = await stored(id);
    for (const lastEventId of ['x', '1-', '1-4-fin', '1-4.', '999-0', '1-99999999999999']) {
      const { status, json } = await server.call('GET', `/stream/${id}?last_event_id=${lastEventId}`);
      expect([status, json.error.code], lastEventId).toEqual([400, 'event_id_invalid']);
    }
    const beyond = Buffer.concat([Buffer.from(text), Buffer.alloc(100, 'x')]);
    const events = await (await open(id, `1-${beyond.length}`)).rest();
    expect(textOf(events, beyond)).toBe(text);
  });

  test('a stop keeps what there is, and ends every reader', async () => {
    const id = await ask('stops', 1024);
    const stream = await open(id);
    await stream.until((events) => applyEvents(events).length > 5);
    const { json } = await server.call('POST', `/generations/${id}/stop`);
    expect(json.state).toBe('cancelled');
    const events = await stream.rest();
    expect(events.some(({ name }) => name === 'error')).toBe(false);
    expect(events.at(-2)!.json.receipt).toMatchObject({ state: 'cancelled', finish_reason: 'cancelled' });
    expect(textOf(events)).toBe(await stored(id));
    expect((await server.call('GET', `/check-response/${id}`)).json.status).toBe('stopped');
  });

  test('closing the connection stops nothing, and the waiting are told their place', async () => {
    const ids = await Promise.all(Array.from({ length: 10 }, (_, index) => ask(`many-${index}`, 40)));
    const streams = await Promise.all(ids.map((id) => open(id)));
    streams[0]!.leave();
    const all = await Promise.all(streams.slice(1).map((stream) => stream.rest()));
    for (const [index, events] of all.entries()) expect(textOf(events)).toBe(await stored(ids[index + 1]!));
    const waiting = all.flat().filter(({ name }) => name === 'waiting');
    expect(waiting.length).toBeGreaterThan(0);
    for (const { json } of waiting) expect(json.position).toBeGreaterThanOrEqual(0);
    expect((await stored(ids[0]!)).length).toBeGreaterThan(0);
    expect(parseSse(streams[1]!.received).at(-1)!.data).toBe('[DONE]');
  });
});
