import type { LookupFunction } from 'node:net';
import { Agent, type Dispatcher, request } from 'undici';
import { Connections, type Exchange, type Listener } from './connections.ts';
import { inferenceError, refusedBy, timedOut } from './upstream-errors.ts';

export type UpstreamOptions = {
  /** With or without the path of its API at its end. */
  url: string;
  /** Where its API begins; `/v1` where absent, and empty for a server whose API begins at `url` itself. */
  apiPath?: string;
  apiKey?: string;
  /** The header that takes the key as it is; absent: `Authorization: Bearer`. */
  apiKeyHeader?: string;
  /** Another that takes the key as well. */
  alsoKeyHeader?: string;
  headers?: Readonly<Record<string, string>>;
  query?: Readonly<Record<string, string>>;
  connectTimeoutMs: number;
  /** Refuses names that lead where nobody should be led; absent: the system's. */
  lookup?: LookupFunction | undefined;
};

/** Milliseconds for whatever is not a completion. */
const ASK_TIMEOUT = 5000;

export type Question = { path: string; body?: unknown; timeoutMs?: number };

/** One server: its connections and its address. Paths that begin with `/v1` are those of its API. */
export class Upstream implements AsyncDisposable {
  /** Without the path of its API. */
  readonly root: string;
  readonly #apiPath: string;
  readonly #query: string;
  readonly #agent: Agent;
  readonly #streams: Connections;
  readonly #headers: Record<string, string>;

  constructor(options: UpstreamOptions) {
    const { url, apiPath = '/v1', headers, query, connectTimeoutMs, lookup } = options;
    this.#apiPath = apiPath;
    const whole = url.replace(/\/+$/, '');
    this.root = apiPath !== '' && whole.endsWith(apiPath) ? whole.slice(0, -apiPath.length) : whole;
    this.#query = query ? `?${new URLSearchParams(query)}` : '';
    this.#headers = { ...headers, ...authorization(options) };
    const connect = { timeout: connectTimeoutMs, ...(lookup && { lookup }) };
    this.#agent = new Agent({ connect });
    this.#streams = new Connections({ origin: new URL(this.root), connectTimeoutMs, lookup });
  }

  /** What comes back goes to the listener as it comes; its timeouts are the caller's. */
  stream(
    { path, headers, body }: { path: string; headers: Record<string, string>; body: object },
    listener: Listener,
  ): Exchange {
    const { pathname, search } = new URL(this.#address(path));
    const all = { 'content-type': 'application/json', ...this.#headers, ...headers };
    return this.#streams.send({ path: pathname + search, headers: all, body: JSON.stringify(body) }, listener);
  }

  /** A POST where there is a body. Rejects with an InferenceError; with the signal's reason where it was aborted. */
  async ask<T>({ path, body, timeoutMs = ASK_TIMEOUT }: Question, signal?: AbortSignal): Promise<T | null> {
    const late = AbortSignal.timeout(timeoutMs);
    try {
      const response = await request(this.#address(path), {
        method: body === undefined ? 'GET' : 'POST',
        dispatcher: this.#agent,
        headers: { 'content-type': 'application/json', ...this.#headers },
        signal: signal ? AbortSignal.any([signal, late]) : late,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.body.text();
      if (response.statusCode !== 200) {
        throw refusedBy(response.statusCode, text, response.headers['retry-after']?.toString());
      }
      return text === '' ? null : (JSON.parse(text) as T);
    } catch (error) {
      signal?.throwIfAborted();
      if (late.aborted) throw timedOut('total', timeoutMs);
      throw transportError(error, false);
    }
  }

  /** A GET whose answer, whatever it is, the caller reads. */
  get(path: string, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    return request(this.#address(path), { dispatcher: this.#agent, headers: this.#headers, signal });
  }

  /** What is under way goes on to its end. */
  async close(): Promise<void> {
    await Promise.all([this.#agent.close(), this.#streams.close()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#agent.destroy(), this.#streams[Symbol.asyncDispose]()]);
  }

  #address(path: string): string {
    return this.root + path.replace(/^\/v1(?=\/)/, this.#apiPath) + this.#query;
  }
}

function authorization({ apiKey, apiKeyHeader, alsoKeyHeader }: UpstreamOptions): Record<string, string> {
  if (apiKey === undefined) return {};
  return {
    ...(apiKeyHeader === undefined ? { authorization: `Bearer ${apiKey}` } : { [apiKeyHeader]: apiKey }),
    ...(alsoKeyHeader !== undefined && { [alsoKeyHeader]: apiKey }),
  };
}

/** What the connection died of. `hasBegun`: the answer was already coming. */
export function transportError(error: unknown, hasBegun: boolean): Error {
  const { name, code } = error as { name?: string; code?: string };
  if (name === 'InferenceError') return error as Error;
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return timedOut('connect', undefined, error);
  return inferenceError(hasBegun ? 'stream_cut' : 'unavailable', error);
}
