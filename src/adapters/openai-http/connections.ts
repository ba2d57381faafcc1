import { validateHeaderName, validateHeaderValue } from 'node:http';
import { connect as connectPlain, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type ResponseListener, ResponseParser } from './response-parser.ts';
import { timedOut } from './upstream-errors.ts';

export type Post = { path: string; headers: Readonly<Record<string, string>>; body: string };

/** `onError`: there will be no (whole) response. */
export type Listener = ResponseListener & { onError(error: Error): void };

/** `abort`: it is not waited for any more; its connection is closed, and the listener hears nothing more. */
export type Exchange = { abort(): void };

/** `lookup`: instead of the system's. */
type Server = { origin: URL; connectTimeoutMs: number; lookup?: LookupFunction | undefined };
type Address = { host: string; port: number; lookup?: LookupFunction };

/** Milliseconds that a connection is kept for the next request; servers close theirs after five. */
const KEEP_MS = 4000;
/** All reading of this process goes through it: bytes are taken over before the next read. */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024);

/**
 * Connections to one server for streamed answers, each for one request at a time and kept for the next. One that
 * was kept and turns out to be closed by the server is replaced once, before anything was read.
 */
export class Connections implements AsyncDisposable {
  readonly #server: Server;
  readonly #kept: Connection[] = [];
  readonly #busy = new Set<Connection>();
  #isClosed = false;
  #whenFree: (() => void)[] = [];

  constructor(server: Server) {
    this.#server = server;
  }

  send(post: Post, listener: Listener): Exchange {
    if (this.#isClosed) throw new Error('the connections are closed');
    const request = writeRequest(this.#server.origin, post);
    let connection: Connection | null = null;
    const use = (next: Connection, mayBeStale: boolean) => {
      connection = next;
      this.#busy.add(next);
      next.carry(request, {
        ...bound(listener),
        onFree: () => {
          connection = null;
          this.#free(next);
        },
        onLost: (error, isUntouched) => {
          connection = null;
          this.#busy.delete(next);
          if (mayBeStale && isUntouched && !this.#isClosed) use(this.#connect(), false);
          else listener.onError(error);
          this.#announce();
        },
      });
    };
    const kept = this.#kept.pop();
    use(kept ?? this.#connect(), kept !== undefined);
    return {
      abort: () => {
        if (connection === null) return;
        this.#busy.delete(connection);
        connection.close();
        connection = null;
        this.#announce();
      },
    };
  }

  /** Takes no more; resolves when what is under way has ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const connection of this.#kept.splice(0)) connection.close();
    if (this.#busy.size > 0) await new Promise<void>((resolve) => this.#whenFree.push(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const connection of this.#busy) connection.lose(new Error('closed'));
    await this.close();
  }

  #connect(): Connection {
    return new Connection(this.#server, (gone) => {
      const at = this.#kept.indexOf(gone);
      if (at >= 0) this.#kept.splice(at, 1);
    });
  }

  #free(connection: Connection): void {
    this.#busy.delete(connection);
    if (connection.isReusable && !this.#isClosed) {
      connection.keep(KEEP_MS);
      this.#kept.push(connection);
    } else {
      connection.close();
    }
    this.#announce();
  }

  #announce(): void {
    if (this.#busy.size === 0) for (const resolve of this.#whenFree.splice(0)) resolve();
  }
}

type Carried = ResponseListener & { onFree(): void; onLost(error: Error, isUntouched: boolean): void };

class Connection {
  readonly #socket: Socket;
  readonly #onGone: (connection: Connection) => void;
  #carried: Carried | null = null;
  #parser: ResponseParser | null = null;
  #connecting: NodeJS.Timeout | undefined;

  constructor({ origin, connectTimeoutMs, lookup }: Server, onGone: (connection: Connection) => void) {
    this.#onGone = onGone;
    const isTls = origin.protocol === 'https:';
    const host = origin.hostname.replace(/^\[|\]$/g, '');
    const at = { host, port: Number(origin.port || (isTls ? 443 : 80)), ...(lookup && { lookup }) };
    this.#socket = isTls ? this.#openTls(at) : this.#openPlain(at);
    const late = () => this.lose(timedOut('connect', connectTimeoutMs));
    this.#connecting = setTimeout(late, connectTimeoutMs);
    this.#socket.once(isTls ? 'secureConnect' : 'connect', () => clearTimeout(this.#connecting));
    this.#socket.setNoDelay(true);
    this.#socket.on('error', (error) => this.lose(error));
    this.#socket.on('end', () => this.#ended());
    this.#socket.on('close', () => this.#ended());
    this.#socket.on('timeout', () => this.close());
  }

  get isReusable(): boolean {
    return this.#parser?.keepsAlive === true && !this.#socket.destroyed && this.#socket.writable;
  }

  carry(request: string, carried: Carried): void {
    this.#carried = carried;
    this.#parser = new ResponseParser(carried);
    this.#socket.setTimeout(0);
    this.#socket.ref();
    this.#socket.write(request);
  }

  /** Nothing is expected on it: it ends after a while. */
  keep(ms: number): void {
    this.#carried = null;
    this.#parser = null;
    this.#socket.setTimeout(ms);
    this.#socket.unref();
  }

  lose(error: Error): void {
    const carried = this.#carried;
    const isUntouched = this.#parser?.hasBegun === false;
    this.close();
    carried?.onLost(error, isUntouched);
  }

  close(): void {
    this.#carried = null;
    clearTimeout(this.#connecting);
    this.#socket.destroy();
    this.#onGone(this);
  }

  #openPlain(at: Address): Socket {
    const callback = (bytes: number) => {
      this.#read(READ_BUFFER.subarray(0, bytes));
      return true;
    };
    return connectPlain({ ...at, keepAlive: true, onread: { buffer: READ_BUFFER, callback } });
  }

  #openTls(at: Address): Socket {
    const socket = connectTls({ ...at, servername: isIP(at.host) ? '' : at.host, ALPNProtocols: ['http/1.1'] });
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    return socket;
  }

  #read(bytes: Buffer): void {
    const [carried, parser] = [this.#carried, this.#parser];
    if (carried === null || parser === null) {
      this.close(); // Nobody asked for it.
      return;
    }
    try {
      parser.feed(bytes);
    } catch (error) {
      this.lose(error as Error);
      return;
    }
    if (parser.isOver && this.#carried === carried) carried.onFree();
  }

  #ended(): void {
    const [carried, parser] = [this.#carried, this.#parser];
    if (carried === null || parser === null) {
      this.close();
      return;
    }
    try {
      parser.closed();
    } catch (error) {
      this.lose(error as Error);
      return;
    }
    if (this.#carried === carried) carried.onFree();
  }
}

function bound(listener: Listener): ResponseListener {
  return {
    onHead: (status, headers) => listener.onHead(status, headers),
    onBody: (bytes) => listener.onBody(bytes),
    onEnd: () => listener.onEnd(),
  };
}

function writeRequest(origin: URL, { path, headers, body }: Post): string {
  const lines = Object.entries(headers).map(([name, value]) => {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return `${name}: ${value}\r\n`;
  });
  const length = Buffer.byteLength(body);
  return `POST ${path} HTTP/1.1\r\nhost: ${origin.host}\r\n${lines.join('')}content-length: ${length}\r\n\r\n${body}`;
}
