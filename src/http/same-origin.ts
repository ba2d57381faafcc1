import type { FastifyRequest } from 'fastify';
import type { HttpOptions } from './http-options.ts';

const LOOPBACK_NAMES = ['127.0.0.1', 'localhost', '[::1]'];

function isLoopbackAddress(address: string | undefined): boolean {
  return address === '::1' || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(address ?? '');
}

/**
 * From this machine, and not through a proxy. A proxy that adds none of its usual headers cannot be
 * told from a browser; hence a server behind one has no local user.
 */
export function isFromThisMachine(request: FastifyRequest): boolean {
  const { headers } = request;
  const proxied = headers['x-forwarded-for'] ?? headers['x-forwarded-host'] ?? headers['x-real-ip'];
  if ((proxied ?? headers.forwarded ?? headers.via) !== undefined) return false;
  return isLoopbackAddress(request.raw.socket.remoteAddress);
}

/** A name that resolves to this machine only because somebody's DNS says so is not ours. */
export function isOwnHost(request: FastifyRequest, options: Pick<HttpOptions, 'host' | 'publicUrl'>): boolean {
  const host = request.headers.host?.toLowerCase();
  if (host === undefined) return false;
  if (options.publicUrl !== null && host === new URL(options.publicUrl).host) return true;
  const port = request.raw.socket.localPort;
  const names = [...LOOPBACK_NAMES, options.host.toLowerCase()];
  return names.some((name) => host === `${name}:${port}` || (port === 80 && host === name));
}

/**
 * `own`: a browser says that a page of ours (or the person, typing the address) sent this. `foreign`: it
 * says otherwise. `unknown`: nobody says; no browser of our time, then.
 */
export function originOf(request: FastifyRequest): 'own' | 'foreign' | 'unknown' {
  const { origin, host } = request.headers;
  const site = request.headers['sec-fetch-site'];
  const reads = request.method === 'GET' || request.method === 'HEAD';
  if (origin !== undefined && hostOf(origin) !== host?.toLowerCase()) return 'foreign';
  if (site !== undefined && site !== 'same-origin' && !(site === 'none' && reads)) return 'foreign';
  return origin === undefined && site === undefined ? 'unknown' : 'own';
}

function hostOf(origin: string): string | null {
  try {
    return new URL(origin).host;
  } catch {
    return null;
  }
}
