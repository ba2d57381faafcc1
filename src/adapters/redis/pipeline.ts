import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { backoffMs } from '../../lib/backoff.ts';
import type { RedisNode } from './redis-node.ts';
import { type Reply, RespError, RespReader, RespWriter } from './resp.ts';
import type { Script } from './script.ts';
import { RedisTimeout } from './unavailable.ts';

/** Some commands that were written together, and who takes their replies, in order. */
export type Exchange = {
  commands: number;
  take(reply: Reply, index: number): void;
  done(): void;
  /** The replies not yet taken will not come: what their commands did is unknown. */
  failed(error: Error): void;
};

type Sent = Exchange & { taken: number; at: number };

const RECONNECT_BASE_MS = 50;
const RECONNECT_MAX_MS = 1_000;
const CHECK_MS = 100;

/**
 * A connection to one server on which batches of commands are written as one buffer, and their replies
 * handed out without a promise each: an append through the client library costs several times as much
 * CPU as the append itself (`bench/redis-log.ts`).
 */
export class Pipeline {
  readonly node: RedisNode;
  readonly #scripts: readonly Script[];
  readonly #maxPendingBytes: number;
  #socket: Socket | null = null;
  #isReady = false;
  #sent: Sent[] = [];
  #closed = false;
  #attempt = 0;
  #retry: NodeJS.Timeout | undefined;
  readonly #check: NodeJS.Timeout;

  constructor(node: RedisNode, scripts: readonly Script[], maxPendingBytes = 16 * 1024 * 1024) {
    this.node = node;
    this.#scripts = scripts;
    this.#maxPendingBytes = maxPendingBytes;
    this.#check = setInterval(() => setImmediate(() => this.#checkTime()), CHECK_MS).unref();
    this.#connect();
  }

  /** False also while it is so far behind that more would only wait. */
  get isReady(): boolean {
    return this.#isReady && (this.#socket?.writableLength ?? 0) < this.#maxPendingBytes;
  }

  /** Only while ready. */
  send(bytes: Buffer, exchange: Exchange): void {
    this.#sent.push({ ...exchange, taken: 0, at: performance.now() });
    this.#socket?.write(bytes);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#check);
    clearTimeout(this.#retry);
    this.#lose(new Error('closed'));
  }

  #connect(): void {
    const { address, settings } = this.node;
    const socket = settings.tls
      ? connectTls({ ...address, servername: address.host })
      : connectPlain({ ...address, noDelay: true, keepAlive: true });
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setTimeout(settings.connectTimeoutMs, () => {
      if (!this.#isReady) socket.destroy(new RedisTimeout(this.node.name, settings.connectTimeoutMs));
    });
    const reader = new RespReader((reply) => this.#take(reply));
    socket.on('data', (chunk) => {
      try {
        reader.feed(chunk);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    socket.on('error', (error) => this.#socket === socket && this.#lose(error));
    socket.on('close', () => this.#socket === socket && this.#lose(new Error(`${this.node.name} hung up.`)));
    socket.once(settings.tls ? 'secureConnect' : 'connect', () => this.#greet());
  }

  #greet(): void {
    const { credentials, database } = this.node.settings;
    const writer = new RespWriter();
    let commands = 0;
    const say = (...args: string[]) => {
      writer.command(...args);
      commands++;
    };
    if (credentials.password)
      say('AUTH', ...(credentials.username ? [credentials.username] : []), credentials.password);
    if (database > 0) say('SELECT', String(database));
    for (const { lua } of this.#scripts) say('SCRIPT', 'LOAD', lua);
    let refused: RespError | null = null;
    this.send(writer.take(), {
      commands,
      take: (reply) => {
        if (reply instanceof RespError) refused ??= reply;
      },
      done: () => {
        if (refused) return this.#socket?.destroy(new Error(refused.message));
        this.#isReady = true;
        this.#attempt = 0;
      },
      failed: () => {},
    });
  }

  #take(reply: Reply): void {
    const sent = this.#sent[0];
    if (!sent) throw new Error(`${this.node.name} sent a reply that nothing was asked for`);
    sent.take(reply, sent.taken++);
    if (sent.taken < sent.commands) return;
    this.#sent.shift();
    sent.done();
  }

  #checkTime(): void {
    const { commandTimeoutMs } = this.node.settings;
    const oldest = this.#sent[0];
    if (oldest && performance.now() - oldest.at > commandTimeoutMs) {
      this.#lose(new RedisTimeout(this.node.name, commandTimeoutMs));
    }
  }

  #lose(error: Error): void {
    const sent = this.#sent;
    this.#sent = [];
    this.#isReady = false;
    this.#socket?.destroy();
    this.#socket = null;
    for (const exchange of sent) exchange.failed(error);
    if (this.#closed) return;
    clearTimeout(this.#retry);
    const pause = backoffMs(this.#attempt++, RECONNECT_BASE_MS, RECONNECT_MAX_MS, Math.random());
    this.#retry = setTimeout(() => this.#connect(), pause).unref();
  }
}
