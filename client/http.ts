import { ApiError, ConnectionError, readApiError } from './api-error.ts';
import { backoffMs, pause } from './backoff.ts';

export type HttpOptions = { baseUrl: string; apiKey?: string | undefined; fetch?: typeof fetch | undefined };

export type Call = {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  body?: unknown;
  query?: Record<string, string | number | boolean | undefined>;
  /** Makes a POST safe to repeat: the server answers the repetition with the first outcome. */
  idempotencyKey?: string;
  signal?: AbortSignal | undefined;
  keepalive?: boolean;
};

export type Http = {
  json<T>(path: string, call?: Call): Promise<T>;
  /** The raw response, whatever its status; no time limit beyond the signal. */
  open(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response>;
  url(path: string, query?: Call['query']): string;
};

const ATTEMPTS = 3;
const TIMEOUT_MS = 30_000;
/** A server that asks for a longer wait is answered to the caller instead. */
const MAX_RETRY_AFTER_MS = 2_000;

export function createHttp({ baseUrl, apiKey, fetch: doFetch = fetch }: HttpOptions): Http {
  const base = baseUrl.replace(/\/+$/, '');
  const auth: Record<string, string> = apiKey ? { 'x-api-key': apiKey } : {};

  function url(path: string, query: Call['query'] = {}): string {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
    const tail = search.size > 0 ? `?${search}` : '';
    return `${base}${path}${tail}`;
  }

  async function once<T>(path: string, call: Call): Promise<T> {
    const headers: Record<string, string> = { accept: 'application/json', ...auth };
    if (call.body !== undefined) headers['content-type'] = 'application/json';
    if (call.idempotencyKey) headers['idempotency-key'] = call.idempotencyKey;
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const signal = call.signal ? AbortSignal.any([call.signal, timeout]) : timeout;
    const init: RequestInit = { method: call.method ?? 'GET', headers, signal, credentials: 'same-origin' };
    if (call.keepalive) init.keepalive = true;
    if (call.body !== undefined) init.body = JSON.stringify(call.body);
    let response: Response;
    try {
      response = await doFetch(url(path, call.query), init);
      if (response.ok) return (response.status === 204 ? undefined : await response.json()) as T;
    } catch (cause) {
      if (call.signal?.aborted) throw cause;
      throw new ConnectionError(cause);
    }
    throw await readApiError(response);
  }

  return {
    url,
    async json<T>(path: string, call: Call = {}): Promise<T> {
      const repeatable = call.method !== 'POST' || call.idempotencyKey !== undefined;
      for (let attempt = 1; ; attempt++) {
        try {
          return await once<T>(path, call);
        } catch (error) {
          const wait = repeatable && attempt < ATTEMPTS ? retryDelay(error, attempt) : null;
          if (wait === null || call.signal?.aborted) throw error;
          await pause(wait, call.signal ?? new AbortController().signal);
        }
      }
    },
    open: (path, headers, signal) =>
      doFetch(url(path), { headers: { ...auth, ...headers }, signal, cache: 'no-store', credentials: 'same-origin' }),
  };
}

/** Null: repeating will not help. */
export function retryDelay(error: unknown, attempt: number): number | null {
  if (error instanceof ConnectionError) return backoffMs(attempt);
  if (!(error instanceof ApiError) || error.status < 500 || error.status === 501) return null;
  if (error.retryAfterMs === undefined) return error.status === 500 ? null : backoffMs(attempt);
  return error.retryAfterMs <= MAX_RETRY_AFTER_MS ? error.retryAfterMs : null;
}
