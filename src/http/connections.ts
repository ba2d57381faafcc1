import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { connectionsMeasured } from '../telemetry/events.ts';

const CHECK_MS = 50;
/** Longest that a request in flight keeps a closing server. */
const GRACE_MS = 5_000;
const MEASURE_EVERY_MS = 1_000;

/**
 * A server that closes waits for its connections. Node ends those that are idle then, but neither those
 * that become so later nor those on which nothing was ever asked: browsers open them ahead of need.
 */
export class Connections {
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket: Socket) => {
      this.#open.add(socket);
      socket.once('close', () => this.#open.delete(socket));
    });
    const measuring = setInterval(() => this.#measure(), MEASURE_EVERY_MS);
    measuring.unref();
    server.once('close', () => clearInterval(measuring));
  }

  /** What the readers have not taken yet. */
  #measure(): void {
    let all = 0;
    let largest = 0;
    for (const { writableLength } of this.#open) {
      all += writableLength;
      largest = Math.max(largest, writableLength);
    }
    connectionsMeasured(all, largest);
  }

  /** Lets requests in flight end, for a while, and everything else go. */
  letGo(): void {
    const check = setInterval(() => {
      this.#server.closeIdleConnections();
      for (const socket of this.#open) if (socket.bytesRead === 0) socket.destroy();
    }, CHECK_MS);
    const patience = setTimeout(() => this.#server.closeAllConnections(), GRACE_MS);
    this.#server.once('close', () => {
      clearInterval(check);
      clearTimeout(patience);
    });
  }
}
