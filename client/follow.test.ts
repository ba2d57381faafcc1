import { describe, expect, it } from 'vitest';
import { type Cursor, parseEventId } from '../src/protocol/position.ts';
import { initialAnswer, reduceAnswer } from './answer-state.ts';
import type { Connectivity } from './connectivity.ts';
import { createClient } from './create-client.ts';
import { bytewise, type Connection, end, RECEIPT, scriptedFetch, sse, token } from './scripted-fetch.ts';

async function read(connections: readonly Connection[], from?: Cursor, connectivity?: Connectivity) {
  const { fetch, requests } = scriptedFetch(connections);
  const client = createClient({ baseUrl: 'http://chat.test', fetch, ...(connectivity && { connectivity }) });
  let state = initialAnswer(0);
  const seen: string[] = [];
  await client.follow('g1', {
    ...(from && { from }),
    signal: new AbortController().signal,
    onEvent(event) {
      seen.push(event.type);
      state = reduceAnswer(state, event, 0);
    },
  });
  const resumedFrom = requests.map((request) => request.headers.get('last-event-id'));
  return { state, seen, requests, resumedFrom };
}

const STORY = sse('0-0', { position: 2, estimate_seconds: 8 }, 'waiting') + sse('1-0', { model: 'tiny' }, 'start');

describe('following an answer', () => {
  it('reads it whole when every byte comes alone', async () => {
    const text = STORY + token('1-2', 'Zw') + token('1-5', 'öa') + token('1-9', '🦜') + end('1-9');
    const { state } = await read([{ chunks: bytewise(text) }]);
    expect(state.text).toBe('Zwöa🦜');
    expect(state.phase).toEqual({ kind: 'ended' });
    expect(state.receipt).toEqual(RECEIPT);
    expect(state.cursor).toEqual({ epoch: 1, at: { text: 9, reasoning: 0 } });
  });

  it('reads it whole when twenty events come in one chunk', async () => {
    const tokens = Array.from({ length: 20 }, (_, index) => token(`1-${(index + 1) * 3}`, '漢')).join('');
    const { state, resumedFrom } = await read([{ chunks: [STORY + tokens, end('1-60')] }]);
    expect(state.text).toBe('漢'.repeat(20));
    expect(resumedFrom).toEqual([null]);
  });

  it('goes on from the last whole event when the connection breaks inside a character', async () => {
    const parrot = new TextEncoder().encode(token('1-5', '🦜'));
    const half = parrot.slice(0, parrot.indexOf(0xf0) + 2);
    const { state, resumedFrom, seen } = await read([
      { chunks: [STORY, token('1-1', 'a'), half], cut: true },
      { chunks: [token('1-5', '🦜'), end('1-5')] },
    ]);
    expect(state.text).toBe('a🦜');
    expect(resumedFrom).toEqual([null, '1-1']);
    expect(state.resumed).toBe(1);
    expect(seen.filter((type) => type === 'disconnected')).toHaveLength(1);
  });

  it('goes on when the server closes without an end, is away for a while, and answers 503', async () => {
    const { state, resumedFrom } = await read([
      { chunks: [token('1-1', 'a')] },
      { refused: true },
      { status: 503, headers: { 'retry-after': '0' } },
      { chunks: [token('2-2', 'b'), end('2-2')] },
    ]);
    expect(state.text).toBe('ab');
    expect(resumedFrom).toEqual([null, '1-1', '1-1', '1-1']);
    expect(state.takeovers).toBe(1);
  });

  it('keeps exactly the bytes that a rewind names, in the middle of long characters', async () => {
    const { state, resumedFrom } = await read([
      { chunks: [token('1-12', '漢字漢字'), sse('1-12.7', { token: 'hm 🦜' }, 'reasoning')], cut: true },
      {
        chunks: [
          sse('2-6.3', { offset: 6, reasoning: 3 }, 'rewind'),
          sse('2-6.7', { token: '🐦' }, 'reasoning'),
          token('2-10.7', '🦜'),
          end('2-10.7'),
        ],
      },
    ]);
    expect(state.text).toBe('漢字🦜');
    expect(state.reasoning).toBe('hm 🐦');
    expect(resumedFrom).toEqual([null, '1-12.7']);
  });

  it('drops everything on a restart', async () => {
    const { state } = await read([
      { chunks: [token('1-3', 'abc'), sse('2-0', {}, 'restart'), token('2-2', 'xy'), end('2-2')] },
    ]);
    expect(state.text).toBe('xy');
    expect(state.takeovers).toBe(1);
  });

  it('never shows a byte twice: an event that does not join is read again', async () => {
    const { state, resumedFrom } = await read([
      { chunks: [token('1-2', 'ab'), token('1-6', 'ef')] },
      { chunks: [token('1-4', 'cd'), token('1-6', 'ef'), end('1-6')] },
    ]);
    expect(state.text).toBe('abcdef');
    expect(resumedFrom).toEqual([null, '1-2']);
  });

  it('starts again from nothing when the server does not join twice, or does not know the id', async () => {
    const gap = await read([
      { chunks: [token('1-2', 'ab'), token('1-6', 'ef')] },
      { chunks: [end('1-6')] },
      { chunks: [token('1-2', 'ab'), end('1-2')] },
    ]);
    expect(gap.state.text).toBe('ab');
    expect(gap.resumedFrom).toEqual([null, '1-2', null]);

    const unknown = await read([
      { chunks: [token('1-2', 'ab')] },
      { status: 400, body: { error: { code: 'event_id_invalid', message: 'no' } } },
      { chunks: [token('1-2', 'xy'), end('1-2')] },
    ]);
    expect(unknown.state.text).toBe('xy');
  });

  it('reads the end again when only the last event was lost, and rests on 204', async () => {
    const again = await read([{ chunks: [token('1-1', 'a')] }, { chunks: [end('1-1')] }]);
    expect(again.state.receipt).toEqual(RECEIPT);
    const rest = await read([{ status: 204 }], parseEventId('1-1-end')?.cursor);
    expect(rest.seen).toEqual(['end']);
    expect(rest.requests).toHaveLength(1);
  });

  it('gives up on an unknown answer and on missing access', async () => {
    const body = { error: { code: 'generation_not_found', message: 'There is no such answer.' } };
    await expect(read([{ status: 404, body }])).rejects.toMatchObject({ code: 'generation_not_found', status: 404 });
    await expect(read([{ status: 401 }])).rejects.toMatchObject({ status: 401, code: 'unknown' });
  });

  it('tells of an error and of the end after it', async () => {
    const error = { code: 'generation_failed', message: 'No answer could be made.' };
    const receipt = { ...RECEIPT, state: 'failed' as const, error };
    const { state, seen } = await read([{ chunks: [sse('1-0', error, 'error'), end('1-0', receipt)] }]);
    expect(state.error).toEqual(error);
    expect(seen).toEqual(['connected', 'error', 'end']);
  });

  it('comes back at once when the network does, without waiting for its turn', async () => {
    let comeBack = (): void => {};
    let online = false;
    const connectivity: Connectivity = {
      online: () => online,
      onChange(listener) {
        comeBack = () => {
          online = true;
          listener();
        };
        return () => {};
      },
    };
    const { fetch } = scriptedFetch([{ refused: true }, { chunks: [end('0-0')] }]);
    const client = createClient({ baseUrl: 'http://chat.test', fetch, connectivity });
    const seen: unknown[] = [];
    await client.follow('g1', {
      signal: new AbortController().signal,
      onEvent(event) {
        seen.push(event);
        if (event.type === 'disconnected') queueMicrotask(comeBack);
      },
    });
    expect(seen[0]).toEqual({ type: 'disconnected', attempt: 1, online: false });
    expect(seen.at(-1)).toMatchObject({ type: 'end' });
  });

  it('stops reading when told to, without an event', async () => {
    const stop = new AbortController();
    const { fetch } = scriptedFetch([{ chunks: [token('1-1', 'a'), token('1-2', 'b')] }]);
    const seen: string[] = [];
    await createClient({ baseUrl: 'http://chat.test', fetch }).follow('g1', {
      signal: stop.signal,
      onEvent(event) {
        seen.push(event.type);
        stop.abort();
      },
    });
    expect(seen).toEqual(['connected']);
  });
});
