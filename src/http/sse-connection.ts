import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';
import { streamClosed, streamOpened } from '../telemetry/events.ts';
import type { Http } from './http.ts';

const SSE_HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
} as const;

const HEARTBEAT = ': hb\n\n';
/** A reader that takes nothing for this long is cut off; it resumes from its last event. */
const STALLED_MS = 60_000;
const STALLED = Symbol('stalled');

export type CloseReason = 'end' | 'client-gone' | 'slow' | 'shutdown' | 'error';

/**
 * One response that carries events. Its head goes out with the first write or heartbeat: until then whatever
 * goes wrong may still be an answer with a status of its own. A write resolves when the socket has taken it,
 * so whoever writes asks for no more than the reader reads.
 */
export class SseConnection implements Disposable {
  /** Aborted when the client or the server goes. */
  readonly signal: AbortSignal;
  readonly #reply: FastifyReply;
  readonly #about: { transport: 'sse' | 'openai'; generation: string };
  readonly #heartbeat: NodeJS.Timeout;
  readonly #letGo: () => void;
  #reason: CloseReason = 'error';
  #begun = false;

  /** Throws `too_many_streams` and `shutting_down`. */
  constructor(
    http: Http,
    reply: FastifyReply,
    about: { userId: string; transport: 'sse' | 'openai'; generation: string },
  ) {
    const { controller, close } = http.streams.open(about.userId);
    const leave = () => controller.abort('client-gone');
    reply.raw.once('close', leave);
    this.signal = controller.signal;
    this.#reply = reply;
    this.#about = { transport: about.transport, generation: about.generation };
    this.#heartbeat = setInterval(() => this.#beat(), http.options.heartbeatMs);
    this.#letGo = () => {
      reply.raw.off('close', leave);
      close();
    };
    streamOpened(this.#about);
  }

  /** The head is out: errors can only be told as events. */
  get hasBegun(): boolean {
    return this.#begun;
  }

  /** Writes at once; false, and nothing written, where the reader is behind or the head is not out. */
  writeNow(text: string): boolean {
    if (!this.#begun || (this.#socket ?? this.#reply.raw).writableNeedDrain) return false;
    this.#send(text);
    return true;
  }

  /** To be awaited where the socket has not taken it. */
  write(text: string): Promise<void> | undefined {
    this.#begin();
    return text === '' || this.#send(text) ? undefined : this.#drained();
  }

  /** How it ended; an error of ours where nothing is said. */
  ended(thrown?: unknown): CloseReason {
    if (thrown === undefined && !this.signal.aborted) this.#reason = 'end';
    else if (thrown === STALLED) this.#reason = 'slow';
    else if (this.signal.aborted) this.#reason = this.signal.reason === 'client-gone' ? 'client-gone' : 'shutdown';
    return this.#reason;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#heartbeat);
    this.#letGo();
    // Without a last event: the reader comes back for the rest.
    if (this.#reason === 'slow') this.#reply.raw.destroy();
    else if (this.#begun) this.#reply.raw.end();
    streamClosed({ ...this.#about, reason: this.#reason });
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    const { raw } = this.#reply;
    this.#reply.hijack();
    raw.writeHead(200, { ...headersOf(this.#reply), ...SSE_HEADERS });
    raw.flushHeaders();
  }

  /** An HTTP chunk as one piece: the response itself makes four of it, which costs nearly twice as much. */
  #send(text: string): boolean {
    const socket = this.#socket;
    if (!socket) return this.#reply.raw.write(text);
    return socket.write(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
  }

  /** Null where there are no chunks, and before the response's turn on its connection has come. */
  get #socket(): Socket | null {
    const { raw } = this.#reply;
    return raw.chunkedEncoding ? raw.socket : null;
  }

  /** A reader that is behind gets none: it has bytes to read. */
  #beat(): void {
    this.#begin();
    if (!(this.#socket ?? this.#reply.raw).writableNeedDrain) this.#send(HEARTBEAT);
  }

  async #drained(): Promise<void> {
    const stalled = new AbortController();
    const timer = setTimeout(() => stalled.abort(STALLED), STALLED_MS);
    const leave = () => stalled.abort(this.signal.reason);
    this.signal.addEventListener('abort', leave, { once: true });
    try {
      this.signal.throwIfAborted();
      await once(this.#socket ?? this.#reply.raw, 'drain', { signal: stalled.signal });
    } catch {
      throw stalled.signal.aborted ? stalled.signal.reason : this.signal.reason;
    } finally {
      clearTimeout(timer);
      this.signal.removeEventListener('abort', leave);
    }
  }
}

function headersOf(reply: FastifyReply): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(reply.getHeaders()).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value : String(value)]],
    ),
  );
}
