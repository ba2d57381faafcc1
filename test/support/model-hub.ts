import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { tinyModel } from '../../scripts/make-tiny-model.ts';

const PIECE = 16 * 1024;

/** A hub that has the tiny model under every name, states its hash, and serves ranges of it. */
export async function startModelHub() {
  const file = tinyModel(1);
  const sha256 = createHash('sha256').update(file).digest('hex');
  const options = {
    /** Milliseconds per 16 KB. */
    paceMs: 0,
    /** What is stated is another file's hash. */
    lies: false,
    isAway: false,
  };
  const ranges: string[] = [];
  const server = createServer(async (request, response) => {
    const range = request.headers.range;
    ranges.push(range ?? 'whole');
    if (options.isAway) return void response.writeHead(404).end();
    const start = Number(/^bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0);
    response.writeHead(range ? 206 : 200, {
      'content-length': file.length - start,
      etag: '"one"',
      'x-linked-etag': `"${options.lies ? '0'.repeat(64) : sha256}"`,
      ...(range && { 'content-range': `bytes ${start}-${file.length - 1}/${file.length}` }),
    });
    for (let at = start; at < file.length && !response.destroyed; at += PIECE) {
      response.write(file.subarray(at, at + PIECE));
      if (options.paceMs > 0) await sleep(options.paceMs);
    }
    response.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bytes: file.length,
    options,
    ranges,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}
