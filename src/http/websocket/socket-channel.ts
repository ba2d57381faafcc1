import type { WebSocket } from 'ws';
import { SOCKET_CLOSE, type SocketEvent } from '../../protocol/websocket.ts';

/** Bytes that may wait in a socket; past them whoever writes waits, and what is live is read from the log again later. */
const HIGH_WATER_BYTES = 64 * 1024;
/** A reader that takes nothing for this long is cut off; it resumes from its last event. */
const STALLED_MS = 60_000;

/** The server's side of one socket: events out, with back-pressure, and a sign of life now and then. */
export class SocketChannel implements Disposable {
  readonly #socket: WebSocket;
  readonly #beat: NodeJS.Timeout;
  #isAlive = true;

  constructor(socket: WebSocket, heartbeatMs: number) {
    this.#socket = socket;
    socket.on('pong', () => {
      this.#isAlive = true;
    });
    this.#beat = setInterval(() => this.#ping(), heartbeatMs);
  }

  /** Resolves when there is room for more. Rejects where the reader stalls, or has gone. */
  async send(event: SocketEvent): Promise<void> {
    const text = JSON.stringify(event);
    if (this.#socket.bufferedAmount < HIGH_WATER_BYTES) {
      this.#socket.send(text, () => {});
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      this.#socket.close(SOCKET_CLOSE.slow, 'slow');
      this.#socket.terminate();
      reject(new Error('the reader takes nothing'));
    }, STALLED_MS);
    this.#socket.send(text, (error) => (error ? reject(error) : resolve()));
    await promise.finally(() => clearTimeout(timer));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#beat);
  }

  /** One that has not answered the last ping is gone, whatever its connection says. */
  #ping(): void {
    if (!this.#isAlive) this.#socket.terminate();
    else this.#socket.ping();
    this.#isAlive = false;
  }
}
