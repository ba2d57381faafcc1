import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BrokenOffError, ChecksumError, download, UnreachableError } from '../../src/lib/download.ts';

const content = randomBytes(300_000);
const sha256 = createHash('sha256').update(content).digest('hex');

let folder: string;
let target: string;
let server: Server;
let url: string;
let requests: IncomingMessage[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'download-'));
  target = join(folder, 'file.bin');
  requests = [];
  answer = serveRanges;
  server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file.bin`;
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

function serveRanges(request: IncomingMessage, response: ServerResponse): void {
  const start = rangeStart(request);
  const part = content.subarray(start);
  response.setHeader('etag', '"one"');
  response.setHeader('content-length', part.length);
  if (start > 0) response.setHeader('content-range', `bytes ${start}-${content.length - 1}/${content.length}`);
  response.writeHead(start > 0 ? 206 : 200).end(part);
}

function rangeStart(request: IncomingMessage): number {
  return Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
}

/** Sends that much of what was asked for, and cuts the connection. */
function serveCut(bytes: number): typeof answer {
  return (request, response) => {
    const start = rangeStart(request);
    response.setHeader('etag', '"one"');
    response.setHeader('content-length', content.length - start);
    if (start > 0) response.setHeader('content-range', `bytes ${start}-${content.length - 1}/${content.length}`);
    response.writeHead(start > 0 ? 206 : 200);
    response.write(content.subarray(start, start + bytes), () => setTimeout(() => response.destroy(), 20));
  };
}

const quick = { retryDelayMs: 1 };

it('downloads, verifies and leaves nothing beside', async () => {
  const seen: (number | null)[] = [];
  const done = await download({ url, target, sha256, onProgress: ({ bytes, total }) => seen.push(bytes, total) });
  expect(done).toEqual({ bytes: content.length, sha256, checked: true });
  expect(await readFile(target)).toEqual(content);
  expect(seen.slice(-2)).toEqual([content.length, content.length]);
  expect(existsSync(`${target}.part`) || existsSync(`${target}.part.json`)).toBe(false);
});

it('goes on where a connection was cut', async () => {
  answer = (request, response) => (requests.length < 3 ? serveCut(100_000) : serveRanges)(request, response);
  await download({ url, target, sha256, ...quick });
  expect(requests.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=100000-', 'bytes=200000-']);
  expect(requests[1]!.headers['if-range']).toBe('"one"');
  expect(await readFile(target)).toEqual(content);
});

it('goes on where an earlier run ended', async () => {
  const stop = new AbortController();
  answer = serveCut(150_000);
  const running = download({
    url,
    target,
    sha256,
    retryDelayMs: 60_000,
    signal: stop.signal,
    onProgress: ({ bytes }) => bytes === 150_000 && stop.abort(),
  });
  await expect(running).rejects.toThrow();
  expect(existsSync(target)).toBe(false);
  answer = serveRanges;
  await download({ url, target, sha256 });
  expect(requests.at(-1)!.headers.range).toBe('bytes=150000-');
  expect(await readFile(target)).toEqual(content);
});

it('starts again where the server knows no ranges', async () => {
  answer = (request, response) => {
    if (requests.length === 1) return serveCut(100_000)(request, response);
    response.setHeader('content-length', content.length);
    response.writeHead(200).end(content);
  };
  await download({ url, target, sha256, ...quick });
  expect(await readFile(target)).toEqual(content);
});

it('refuses and removes what has another hash', async () => {
  await expect(download({ url, target, sha256: 'a'.repeat(64) })).rejects.toThrow(ChecksumError);
  expect(existsSync(target) || existsSync(`${target}.part`)).toBe(false);
});

it('takes the hash that a hub states beside its redirect', async () => {
  let stated = sha256;
  answer = (request, response) => {
    if (request.url === '/storage') return serveRanges(request, response);
    response.setHeader('x-linked-etag', `"${stated}"`);
    response.setHeader('location', '/storage');
    response.writeHead(302).end();
  };
  expect(await download({ url, target })).toMatchObject({ checked: true });
  stated = 'b'.repeat(64);
  await expect(download({ url, target: `${target}2` })).rejects.toThrow(ChecksumError);
});

it('records the hash where none is known', async () => {
  expect(await download({ url, target })).toEqual({ bytes: content.length, sha256, checked: false });
});

it('refuses what the inspection refuses', async () => {
  const inspect = async () => Promise.reject(new Error('no model'));
  await expect(download({ url, target, inspect })).rejects.toThrow('no model');
  expect(existsSync(target) || existsSync(`${target}.part`)).toBe(false);
});

it('does not try again what is not there', async () => {
  answer = (_request, response) => response.writeHead(404).end();
  await expect(download({ url, target })).rejects.toThrow(UnreachableError);
  expect(requests).toHaveLength(1);
});

it('does not try again where nobody listens', async () => {
  const closed = createServer();
  await new Promise<void>((done) => closed.listen(0, '127.0.0.1', done));
  const { port } = closed.address() as AddressInfo;
  await new Promise((done) => closed.close(done));
  await expect(download({ url: `http://127.0.0.1:${port}/x`, target })).rejects.toThrow(UnreachableError);
});

it('gives up a server that never answers', async () => {
  answer = () => undefined;
  await expect(download({ url, target, connectTimeoutMs: 50 })).rejects.toThrow(UnreachableError);
});

it('goes on when a connection stalls', async () => {
  answer = (request, response) => {
    if (requests.length > 1) return serveRanges(request, response);
    response.setHeader('etag', '"one"');
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(0, 1000));
  };
  await download({ url, target, sha256, idleTimeoutMs: 100, ...quick });
  expect(requests[1]!.headers.range).toBe('bytes=1000-');
});

it('keeps what it has when a server cuts every time', async () => {
  answer = (request, response) => {
    if (requests.length === 1) return serveCut(50_000)(request, response);
    response.destroy();
  };
  await expect(download({ url, target, attempts: 2, ...quick })).rejects.toThrow(BrokenOffError);
  expect((await readFile(`${target}.part`)).equals(content.subarray(0, 50_000))).toBe(true);
});
