import type { Receipt } from '../src/protocol/generation.ts';

/** For tests: a fetch whose every connection is a script of chunks, and a record of what was asked. */
export type Connection =
  | { status: number; body?: unknown; headers?: Record<string, string> }
  /** `cut`: the network breaks after the chunks; else the body ends. */
  | { chunks: readonly (Uint8Array | string)[]; cut?: boolean }
  | { refused: true };

export function scriptedFetch(connections: readonly Connection[]): {
  fetch: typeof fetch;
  requests: { url: string; method: string; headers: Headers; body: unknown }[];
} {
  const requests: { url: string; method: string; headers: Headers; body: unknown }[] = [];
  const fake = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const connection = connections[requests.length];
    const body = typeof init.body === 'string' ? JSON.parse(init.body) : undefined;
    requests.push({ url: String(input), method: init.method ?? 'GET', headers: new Headers(init.headers), body });
    if (!connection) throw new Error(`Connection ${requests.length} was not expected.`);
    if ('refused' in connection) throw new TypeError('fetch failed');
    if ('status' in connection) {
      const json = connection.body === undefined ? null : JSON.stringify(connection.body);
      return new Response(json, {
        status: connection.status,
        ...(connection.headers && { headers: connection.headers }),
      });
    }
    return new Response(bodyOf(connection.chunks, connection.cut ?? false), { status: 200 });
  };
  return { fetch: fake as typeof fetch, requests };
}

function bodyOf(chunks: readonly (Uint8Array | string)[], cut: boolean): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let next = 0;
  return new ReadableStream({
    pull(controller) {
      const chunk = chunks[next++];
      if (chunk !== undefined) controller.enqueue(typeof chunk === 'string' ? encoder.encode(chunk) : chunk);
      else if (cut) controller.error(new TypeError('terminated'));
      else controller.close();
    },
  });
}

/** One event as the server writes it. */
export function sse(id: string | null, data: unknown, event?: string): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  return `${event ? `event: ${event}\n` : ''}${id === null ? '' : `id: ${id}\n`}data: ${text}\n\n`;
}

export const token = (id: string, text: string): string => sse(id, { token: text, done: false });

export const end = (id: string, receipt: Receipt = RECEIPT): string =>
  sse(id, { token: '', done: true, receipt }) + sse(`${id}-end`, '[DONE]');

export function bytewise(text: string): Uint8Array[] {
  return Array.from(new TextEncoder().encode(text), (byte) => Uint8Array.of(byte));
}

export const RECEIPT: Receipt = {
  generation_id: 'g1',
  state: 'done',
  model: 'tiny',
  worker: 'w1',
  lane: 'stream',
  finish_reason: 'stop',
  position_at_arrival: 0,
  queue_ms: 5,
  prefill_ms: 20,
  stream_ms: 100,
  total_ms: 125,
  tokens: { prompt: 10, reused: 0, completion: 5 },
  cost: null,
  source: 'model',
  degraded: [],
  tokens_per_second: 50,
  attempts: 1,
  takeovers: 0,
  trimmed_messages: 0,
  summarised_messages: 0,
  error: null,
};
