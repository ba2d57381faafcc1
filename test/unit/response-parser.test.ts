import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ResponseParser } from '../../src/adapters/openai-http/response-parser.ts';

type Read = { status: number; headers: Record<string, string>; body: string; ends: number; keepsAlive: boolean };

/** What comes out of these pieces; `isClosed`: the connection ends behind them. */
function read(pieces: readonly Buffer[], isClosed = false): Read {
  const seen = { status: 0, headers: {}, body: [] as Buffer[], ends: 0 };
  const parser = new ResponseParser({
    onHead: (status, headers) => Object.assign(seen, { status, headers }),
    // The bytes are the caller's again when this returns.
    onBody: (bytes) => void seen.body.push(Buffer.from(bytes)),
    onEnd: () => void seen.ends++,
  });
  for (const piece of pieces) parser.feed(piece);
  if (isClosed) parser.closed();
  return { ...seen, body: Buffer.concat(seen.body).toString(), keepsAlive: parser.keepsAlive };
}

function cut(text: string, at: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text);
  const ends = [...new Set(at.map((each) => each % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [...ends, bytes.length].map((end, n) => bytes.subarray(n === 0 ? 0 : ends[n - 1], end));
}

const CHUNKED = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
const RESPONSES: [string, string, Partial<Read>][] = [
  [
    'chunks',
    `${CHUNKED}5\r\nHello\r\n00C\r\n, wörld 😀\r\n0\r\n\r\n`.replace('00C', '00D'),
    { body: 'Hello, wörld 😀' },
  ],
  [
    'chunks with extensions, and trailers',
    `${CHUNKED}2;a=5\r\nab\r\n1 ;b\r\nc\r\n0\r\nx: y\r\nz: 1\r\n\r\n`,
    { body: 'abc' },
  ],
  ['a length', 'HTTP/1.1 429 No\r\ncontent-length: 4\r\nretry-after: 3\r\n\r\nwait', { status: 429, body: 'wait' }],
  ['no body', 'HTTP/1.1 204 None\r\n\r\n', { status: 204, body: '' }],
  [
    'what is said before it',
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: a\r\n\r\n${CHUNKED}0\r\n\r\n`,
    { body: '' },
  ],
];

describe('a response, in whatever pieces it comes', () => {
  for (const [name, text, expected] of RESPONSES) {
    it(name, () => {
      fc.assert(
        fc.property(fc.array(fc.nat(400), { maxLength: 12 }), (at) => {
          expect(read(cut(text, at))).toMatchObject({ status: 200, ends: 1, keepsAlive: true, ...expected });
        }),
      );
    });
  }

  it('without a length it ends with the connection, which then serves no other', () => {
    const text = 'HTTP/1.1 200 OK\r\nA: 1\r\na: 2\r\n\r\nall of it';
    expect(read([Buffer.from(text)])).toMatchObject({ ends: 0 });
    expect(read([Buffer.from(text)], true)).toMatchObject({ ends: 1, body: 'all of it', keepsAlive: false });
    expect(read([Buffer.from(text)]).headers).toEqual({ a: '1, 2' });
  });

  it.each([
    ['the server will close it', 'HTTP/1.1 200 OK\r\nConnection: close\r\ncontent-length: 1\r\n\r\na'],
    ['an old server', 'HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\na'],
    ['there is more behind it', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab'],
  ])('serves no other where %s', (_, text) => {
    expect(read([Buffer.from(text)])).toMatchObject({ ends: 1, body: 'a', keepsAlive: false });
  });

  it.each([
    ['no HTTP', 'SSH-2.0-OpenSSH\r\n\r\n'],
    ['another HTTP', 'HTTP/2 200\r\n\r\n'],
    ['a header without a name', 'HTTP/1.1 200 OK\r\n: x\r\n\r\n'],
    ['a size that is none', `${CHUNKED}xyz\r\n`],
    ['a size without digits', `${CHUNKED}\r\n`],
    ['a size beyond all sizes', `${CHUNKED}fffffffffffffffff\r\n`],
    ['a chunk longer than its size', `${CHUNKED}1\r\nabc\r\n`],
    ['a length that is none', 'HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n'],
    ['a head without an end', `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(20_000)}`],
  ])('%s: refused', (_, text) => {
    expect(() => read([Buffer.from(text)])).toThrow();
  });

  it.each([
    ['in its head', 'HTTP/1.1 200 OK\r\n'],
    ['between chunks', `${CHUNKED}1\r\na\r\n`],
    ['within what it counted', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab'],
  ])('cut %s: not taken for whole', (_, text) => {
    expect(() => read([Buffer.from(text)], true)).toThrow(/before the end/);
  });
});
