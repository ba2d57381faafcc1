import { request } from 'node:http';

// biome-ignore lint/suspicious/noExplicitAny: what an answer holds is what the test is about to find out
export type Json = any;
export type Reply = { status: number; headers: Headers; text: string; json: Json };
export type CallOptions = { key?: string; body?: unknown; headers?: Record<string, string>; signal?: AbortSignal };

/** One call; `body` is sent as JSON unless it is a string or bytes. */
export async function call(url: string, method: string, path: string, options: CallOptions = {}): Promise<Reply> {
  const { key, body, headers, signal } = options;
  const raw = typeof body === 'string' || body instanceof Uint8Array;
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(key !== undefined && { 'x-api-key': key }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: (raw ? body : JSON.stringify(body)) as string }),
    ...(signal && { signal }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: parsed(text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** As a browser or another program may send it: `fetch` would not let `Host` and `Sec-Fetch-Site` be set. */
export function rawCall(
  port: number,
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: string,
): Promise<{ status: number; text: string; json: Json }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string; json: Json }>();
  const sent = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
    const parts: Buffer[] = [];
    response.on('data', (part: Buffer) => parts.push(part));
    response.on('end', () => {
      const text = Buffer.concat(parts).toString();
      resolve({ status: response.statusCode ?? 0, text, json: parsed(text) });
    });
    response.on('error', reject);
  });
  sent.on('error', reject);
  sent.end(body);
  return promise;
}

export type SseEvent = { id: string | null; name: string; data: string; json: Json };

export function parseSse(text: string): SseEvent[] {
  return text
    .split('\n\n')
    .map((block) => block.split('\n').filter((line) => line !== '' && !line.startsWith(':')))
    .filter((lines) => lines.some((line) => line.startsWith('data:')))
    .map((lines) => {
      const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const data = field('data') ?? '';
      return { id: field('id') ?? null, name: field('event') ?? 'message', data, json: parsed(data) };
    });
}

/** The text that a reader has after these events, as its bytes. */
export function applyEvents(events: readonly SseEvent[], before: Buffer = Buffer.alloc(0)): Buffer {
  let text = before;
  for (const { name, json } of events) {
    if (name === 'restart') text = Buffer.alloc(0);
    else if (name === 'rewind') text = text.subarray(0, json.offset);
    else if (name === 'message' && json) text = Buffer.concat([text, Buffer.from(json.token)]);
  }
  return text;
}

/** A stream that can be read event by event, and left. */
export async function openStream(url: string, path: string, key: string, lastEventId?: string) {
  const leaving = new AbortController();
  const response = await fetch(url + path, {
    headers: { 'x-api-key': key, ...(lastEventId && { 'last-event-id': lastEventId }) },
    signal: leaving.signal,
  });
  const decoder = new TextDecoder();
  const reader = response.body!.getReader();
  let received = '';
  const more = async () => {
    const { done, value } = await reader.read();
    received += decoder.decode(value, { stream: true });
    return !done;
  };
  return {
    response,
    get events() {
      return parseSse(received.slice(0, received.lastIndexOf('\n\n') + 2));
    },
    get received() {
      return received;
    },
    /** Reads until the condition holds for what was received, or the stream ends. */
    async until(condition: (events: SseEvent[], received: string) => boolean): Promise<SseEvent[]> {
      while (!condition(this.events, received)) if (!(await more())) break;
      return this.events;
    },
    async rest(): Promise<SseEvent[]> {
      while (await more());
      return this.events;
    },
    leave: () => leaving.abort(),
  };
}
