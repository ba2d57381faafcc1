import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { ChatError } from '../protocol/errors.ts';

/** Null where none was sent. */
export function idempotencyKeyOf(request: FastifyRequest): string | null {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return null;
  if (typeof key === 'string' && /^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw new ChatError('invalid_request', {
    details: { 'Idempotency-Key': 'must be 1 to 255 visible ASCII characters' },
  });
}

/** The key, and a hash of the request it stands for: method, path, and the body as it was understood. */
export function idempotencyOf(request: FastifyRequest, body: unknown): { key: string; bodyHash: string } | null {
  const key = idempotencyKeyOf(request);
  if (key === null) return null;
  const path = request.url.split('?', 1)[0];
  return { key, bodyHash: hashOfRequest(`${request.method} ${path}`, body) };
}

export function hashOfRequest(what: string, body: unknown): string {
  return createHash('sha256')
    .update(`${what}\n${canonicalJson(body)}`)
    .digest('hex');
}

/** The same text for the same value, whatever the order of its fields. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_name, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
