import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { NOT_INDEXED, PAGE_CSP, SERVICE_WORKER_CSP } from './security-headers.ts';

/** Addresses that the page itself makes sense of. */
const PAGE_ADDRESSES = ['/', '/c/:number'];
const SHARED_ADDRESS = '/s/:share_id';

/** The built page. Files under `/assets/` carry a hash in their name and so never change. */
export async function servePage(app: FastifyInstance, folder: string): Promise<void> {
  if (!existsSync(join(folder, 'index.html'))) throw new Error(`There is no index.html in ${folder}`);
  await app.register(fastifyStatic, {
    root: folder,
    wildcard: false,
    index: false,
    cacheControl: false,
    setHeaders(reply, path) {
      const immutable = path.startsWith(join(folder, 'assets'));
      void reply.header('cache-control', immutable ? 'public, max-age=31536000, immutable' : 'no-cache');
      if (path.endsWith('.html')) void reply.header('content-security-policy', PAGE_CSP);
      if (path === join(folder, 'service-worker.js')) void reply.header('content-security-policy', SERVICE_WORKER_CSP);
    },
  });
  for (const address of PAGE_ADDRESSES) app.get(address, (_request, reply) => reply.sendFile('index.html'));
  app.get(SHARED_ADDRESS, (_request, reply) => reply.headers(NOT_INDEXED).sendFile('index.html'));
}
