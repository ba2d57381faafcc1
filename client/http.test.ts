import { describe, expect, it } from 'vitest';
import { createClient } from './create-client.ts';
import { type Connection, scriptedFetch } from './scripted-fetch.ts';

function clientFor(connections: readonly Connection[]) {
  const { fetch, requests } = scriptedFetch(connections);
  return { client: createClient({ baseUrl: 'http://chat.test/', apiKey: 'k', fetch }), requests };
}

const GENERATION = { id: 'g1', conversation: 4 };

describe('calls', () => {
  it('sends the same key again when the server was not reached', async () => {
    const { client, requests } = clientFor([{ refused: true }, { status: 503 }, { status: 202, body: GENERATION }]);
    const sent = await client.user('local').send({ message: 'hi', conversation: 4, parent_id: null });
    expect(sent).toEqual(GENERATION);
    expect(requests.map((request) => request.url)).toEqual(
      Array(3).fill('http://chat.test/users/local/conversations/4/messages'),
    );
    expect(new Set(requests.map((request) => request.headers.get('idempotency-key'))).size).toBe(1);
    expect(requests[0]?.headers.get('x-api-key')).toBe('k');
    expect(requests[2]?.body).toEqual({ message: 'hi', parent_id: null });
  });

  it('tells code, words and details of an error, and does not repeat what was refused', async () => {
    const error = { code: 'too_many_waiting', message: 'Too many.', request_id: 'r1', details: { limit: 5 } };
    const { client, requests } = clientFor([{ status: 429, body: { error }, headers: { 'retry-after': '7' } }]);
    await expect(client.user('local').send({ message: 'hi' })).rejects.toMatchObject({
      code: 'too_many_waiting',
      requestId: 'r1',
      details: { limit: 5 },
      retryAfterMs: 7000,
    });
    expect(requests).toHaveLength(1);
  });

  it('makes a connection error of a server that stays away', async () => {
    const { client } = clientFor([{ refused: true }, { refused: true }, { refused: true }]);
    await expect(client.models()).rejects.toMatchObject({ name: 'ConnectionError' });
  });

  it('puts pages and searches into the query, and leaves out what is absent', async () => {
    const { client, requests } = clientFor([
      { status: 200, body: { items: [], next: null } },
      { status: 200, body: { items: [] } },
    ]);
    await client.user('a/b').messages(4, { through: 'm1', before: undefined, limit: 50 });
    await client.user('a/b').search('grün & blau');
    expect(requests.map((request) => request.url)).toEqual([
      'http://chat.test/users/a%2Fb/conversations/4/messages?through=m1&limit=50',
      'http://chat.test/users/a%2Fb/search?q=gr%C3%BCn+%26+blau',
    ]);
  });
});
