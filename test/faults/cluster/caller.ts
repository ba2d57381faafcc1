import { setTimeout as sleep } from 'node:timers/promises';
import { AnswerReader } from '../../support/answer-reader.ts';
import { call, type Reply } from '../../support/http-client.ts';
import type { Wrong } from './asked.ts';
import type { Random } from './random.ts';

export type Doors = { proxy: string; apis: readonly string[]; key: string };

const RETRY_MS = 150;
const PATIENCE_MS = 120_000;
const CALL_TIMEOUT_MS = 30_000;
const PROXY_SHARE = 0.5;
/** What undici says of a kept connection that the server has just closed. */
const CLOSED = 'SocketError: other side closed';

/** A call that a caller could not get through, or was refused for good. */
export class Refused extends Error {
  readonly kind: Wrong['kind'];

  constructor(kind: Wrong['kind'], what: string) {
    super(what);
    this.kind = kind;
  }
}

/** Calls as a real client makes them: at any door, repeated elsewhere where there was no answer. */
export class Caller {
  /**
   * At the proxy: statuses beside 200 and 202, and connections that broke before there was an answer. Whoever
   * calls one API by itself has to find another when that leaves; behind the proxy nobody should notice.
   */
  readonly errors: { at: number; what: string }[] = [];
  readonly #doors: Doors;
  readonly #random: Random;
  readonly #closing = new AbortController();

  constructor(doors: Doors, random: Random) {
    this.#doors = doors;
    this.#random = random;
  }

  get key(): string {
    return this.#doors.key;
  }

  door(): string {
    return this.#random.unit() < PROXY_SHARE ? this.#doors.proxy : this.#random.pick(this.#doors.apis);
  }

  /** Of one answer; each of its connections goes through a door of its own. */
  reader(id: string): AnswerReader {
    const door = () => this.door();
    const source = {
      key: this.key,
      get url() {
        return door();
      },
    };
    return new AnswerReader(source, id);
  }

  close(): void {
    this.#closing.abort();
  }

  /** Until it is taken: what is told to wait, or reaches nobody, is sent again under the same key. */
  async call(
    method: string,
    path: string,
    more: { body?: unknown; headers?: Record<string, string> },
    doorOf = () => this.door(),
  ): Promise<Reply> {
    const last = performance.now() + PATIENCE_MS;
    for (let hasRepeated = false; ; ) {
      const at = doorOf();
      const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(CALL_TIMEOUT_MS)]);
      const reply = await call(at, method, path, { key: this.key, signal, ...more }).catch((error: Error) =>
        String(error.cause ?? error),
      );
      if (typeof reply !== 'string' && (reply.status === 200 || reply.status === 202)) return reply;
      if (this.#closing.signal.aborted) throw new Refused('stuck', 'called off');
      // As browsers do: a kept connection that was closed as the request went out says nothing of the request.
      if (reply === CLOSED && !hasRepeated) {
        hasRepeated = true;
        continue;
      }
      const what = `${method} ${path}: ${typeof reply === 'string' ? reply : `${reply.status} ${reply.json?.error?.code ?? ''}`}`;
      if (at === this.#doors.proxy) this.errors.push({ at: performance.now(), what });
      const mayWait = typeof reply === 'string' || reply.status >= 502 || reply.status === 429;
      if (!mayWait) throw new Refused('lost', what);
      if (performance.now() > last) throw new Refused('stuck', `still ${what}`);
      await sleep(RETRY_MS);
    }
  }

  /** Through the proxy only. */
  callProxy(method: string, path: string, more: { body?: unknown; headers?: Record<string, string> }): Promise<Reply> {
    return this.call(method, path, more, () => this.#doors.proxy);
  }
}
