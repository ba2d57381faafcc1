import { Agent, type IncomingMessage, request } from 'node:http';
import type { Receipt } from '../src/protocol/generation.ts';
import { parseEventId } from '../src/protocol/position.ts';

type Target = { readonly url: string; readonly key: string };
/** What is read of any answer here. */
type Answer = { id: string; correlation_id: string; state: string };

const agent = new Agent({ keepAlive: true, maxSockets: 4096 });

/** One call over a connection that is kept; `fetch` would cost the measuring process more than the server. */
export async function send(target: Target, method: string, path: string, body?: unknown): Promise<Answer> {
  const headers = { 'x-api-key': target.key, ...(body !== undefined && { 'content-type': 'application/json' }) };
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const sent = request(target.url + path, { method, headers, agent }, resolve);
  sent.on('error', reject);
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  const response = await promise;
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString();
  if (response.statusCode! >= 300) throw new Error(`${method} ${path}: ${response.statusCode} ${text}`);
  return JSON.parse(text);
}

/** Reads one answer; comes back where the connection breaks. */
export class StreamClient {
  readonly id: string;
  readonly #target: Target;
  /** Of the text, and the events that brought it. */
  bytes = 0;
  events = 0;
  /** `performance.now()` at each arrival of text. */
  readonly arrivals: number[] = [];
  receipt: Receipt | null = null;
  endedAt: number | null = null;
  readonly #first = Promise.withResolvers<void>();
  readonly #end = Promise.withResolvers<void>();
  #lastId: string | null = null;
  #rest = '';

  constructor(target: Target, id: string) {
    this.#target = target;
    this.id = id;
    this.#connect();
  }

  /** Resolves with the first text. */
  get first(): Promise<void> {
    return this.#first.promise;
  }

  get end(): Promise<void> {
    return this.#end.promise;
  }

  /** The longest silence between two arrivals of text that overlaps the time since `from`. */
  longestGap(from: number, to = Number.POSITIVE_INFINITY): number {
    let longest = 0;
    for (const [index, at] of this.arrivals.entries()) {
      const before = this.arrivals[index - 1];
      if (before !== undefined && at >= from && before <= to) longest = Math.max(longest, at - before);
    }
    return longest;
  }

  #connect(): void {
    const headers = { 'x-api-key': this.#target.key, ...(this.#lastId !== null && { 'last-event-id': this.#lastId }) };
    const again = () => {
      if (this.endedAt === null) setTimeout(() => this.#connect(), 10);
    };
    const sent = request(`${this.#target.url}/stream/${this.id}`, { headers, agent: false }, (response) => {
      this.#rest = '';
      response.setEncoding('utf8').on('data', (part: string) => this.#take(part));
      response.on('error', () => undefined);
      response.once('close', again);
    });
    sent.once('error', again);
    sent.end();
  }

  #take(part: string): void {
    const blocks = (this.#rest + part).split('\n\n');
    this.#rest = blocks.pop()!;
    for (const block of blocks) {
      const id = /^id: (.+)$/m.exec(block)?.[1];
      if (id === undefined) continue;
      this.#lastId = id;
      const { cursor, end } = parseEventId(id)!;
      if (end) {
        this.endedAt = performance.now();
        this.#end.resolve();
      } else if (block.includes('"done":true')) {
        this.receipt = JSON.parse(block.slice(block.indexOf('data: ') + 6)).receipt;
      } else if (cursor.at.text > this.bytes) {
        this.bytes = cursor.at.text;
        this.events += 1;
        this.arrivals.push(performance.now());
        this.#first.resolve();
      }
    }
  }
}
