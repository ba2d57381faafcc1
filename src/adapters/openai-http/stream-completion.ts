import type { InferenceSink } from '../../ports/inference.ts';
import { type Completion, CompletionStream, type Estimates } from './completion-stream.ts';
import type { Exchange, Listener } from './connections.ts';
import { ResponseBody } from './response-body.ts';
import { transportError, type Upstream } from './upstream.ts';
import { inferenceError, refusedBy, timedOut } from './upstream-errors.ts';

/** Milliseconds: until the first token, between two of them, of the whole answer. */
export type Patience = { firstTokenMs: number; idleMs: number; totalMs: number };

export type StreamRequest = {
  path: string;
  body: object;
  headers: Record<string, string>;
  estimates: Estimates;
  patience: Patience;
};

/** Streams one completion into the sink. However it ends but whole, its connection is closed at once. */
export function streamCompletion(
  upstream: Upstream,
  request: StreamRequest,
  sink: InferenceSink,
  signal: AbortSignal,
): Promise<Completion> {
  const { promise, resolve, reject } = Promise.withResolvers<Completion>();
  const handler = new CompletionHandler(request, sink, { resolve, reject });
  const giveUp = () => handler.fail(signal.reason);
  signal.addEventListener('abort', giveUp, { once: true });
  const headers = { accept: 'text/event-stream', ...request.headers };
  handler.begin(upstream.stream({ path: request.path, headers, body: request.body }, handler));
  return promise.finally(() => signal.removeEventListener('abort', giveUp));
}

type Settle = { resolve: (completion: Completion) => void; reject: (error: unknown) => void };

class CompletionHandler implements Listener {
  readonly #stream: CompletionStream;
  readonly #settle: Settle;
  readonly #patience: Patience;
  readonly #total: NodeJS.Timeout;
  #silence: NodeJS.Timeout;
  #exchange: Exchange | null = null;
  #body: ResponseBody | null = null;
  #isFirst = true;
  #heardAt = 0;
  #isSettled = false;

  constructor({ patience, estimates }: StreamRequest, sink: InferenceSink, settle: Settle) {
    this.#patience = patience;
    this.#settle = settle;
    this.#stream = new CompletionStream(sink, estimates);
    const { firstTokenMs, totalMs } = patience;
    this.#silence = setTimeout(() => this.fail(timedOut('first-token', firstTokenMs)), firstTokenMs);
    this.#total = setTimeout(() => this.fail(timedOut('total', totalMs)), totalMs);
  }

  /** Ends it, and closes the connection under it. */
  fail(error: unknown): void {
    if (this.#isSettled) return;
    this.#end();
    this.#settle.reject(error);
    this.#exchange?.abort();
  }

  /** What it is read from. */
  begin(exchange: Exchange): void {
    this.#exchange = exchange;
    if (this.#isSettled) exchange.abort();
  }

  onHead(status: number, headers: Readonly<Record<string, string>>): void {
    this.#body = new ResponseBody(status, headers, {
      onStream: (bytes) => this.#feed(bytes),
      onEnd: () => this.#ended(),
      onError: (error) => this.fail(error),
    });
  }

  onBody(bytes: Buffer): void {
    if (!this.#isSettled) this.#body?.write(bytes);
  }

  onEnd(): void {
    if (!this.#isSettled) this.#body?.end();
  }

  onError(error: Error): void {
    this.fail(transportError(error, this.#body !== null));
  }

  #feed(bytes: Buffer): void {
    if (this.#isSettled) return;
    try {
      this.#stream.feed(bytes);
      this.#watch();
      // The rest of the body is a few bytes: read to its end, the connection serves the next one.
      if (this.#stream.isDone) this.#succeed();
    } catch (error) {
      this.fail(error);
    }
  }

  #ended(): void {
    if (this.#isSettled || !this.#body) return;
    const { kind, status, text, retryAfter } = this.#body;
    try {
      if (kind === 'refusal') throw refusedBy(status, text, retryAfter);
      if (kind === 'page') throw inferenceError('engine', new Error(`no completion but: ${text}`));
      if (kind === 'whole') this.#stream.feedWhole(text);
      this.#succeed();
    } catch (error) {
      this.fail(error);
    }
  }

  #succeed(): void {
    const completion = this.#stream.end();
    this.#end();
    this.#settle.resolve(completion);
  }

  /** One timer looks again and again: setting it anew for each token would cost more than reading the token. */
  #watch(): void {
    if (!this.#stream.hasBegun) return;
    this.#heardAt = performance.now();
    if (!this.#isFirst) return;
    this.#isFirst = false;
    clearTimeout(this.#silence);
    this.#watchSilence(this.#patience.idleMs);
  }

  #watchSilence(delayMs: number): void {
    const { idleMs } = this.#patience;
    this.#silence = setTimeout(() => {
      const left = this.#heardAt + idleMs - performance.now();
      if (left > 1) this.#watchSilence(left);
      else this.fail(timedOut('idle', idleMs));
    }, delayMs);
  }

  #end(): void {
    this.#isSettled = true;
    clearTimeout(this.#silence);
    clearTimeout(this.#total);
    this.#body?.close();
  }
}
