/** What of Redis's protocol (RESP2) a pipeline of appends needs. */
export type Reply = string | number | null | RespError | readonly Reply[];

/** Not an Error: one is made for each refused append, and none needs a stack. */
export class RespError {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

const STAR = 0x2a;
const DOLLAR = 0x24;
const COLON = 0x3a;
const MINUS = 0x2d;
const PLUS = 0x2b;
const CR = 0x0d;

/** Commands, written one behind the other into one growing buffer. */
export class RespWriter {
  #buffer = Buffer.allocUnsafeSlow(64 * 1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Protocol as it stands, in ASCII. */
  raw(text: string): void {
    this.#reserve(text.length);
    this.#length += this.#buffer.write(text, this.#length, 'latin1');
  }

  /** `before`: protocol that comes first; one write is cheaper than two. */
  bulk(bytes: Uint8Array, before = ''): void {
    this.raw(`${before}$${bytes.length}\r\n`);
    this.#reserve(bytes.length + 2);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    this.#buffer[this.#length++] = CR;
    this.#buffer[this.#length++] = 0x0a;
  }

  command(...args: readonly (string | Uint8Array)[]): void {
    this.raw(`*${args.length}\r\n`);
    for (const arg of args) this.bulk(typeof arg === 'string' ? Buffer.from(arg) : arg);
  }

  /** All that was written, in a buffer of its own; the writer is empty again. */
  take(): Buffer {
    const bytes = Buffer.from(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
    return bytes;
  }

  #reserve(extra: number): void {
    if (this.#length + extra <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#length + extra));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}

export function bulkText(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

/** Cuts a stream of bytes into replies. Bulk strings come as latin1. */
export class RespReader {
  readonly #onReply: (reply: Reply) => void;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(onReply: (reply: Reply) => void) {
    this.#onReply = onReply;
  }

  feed(chunk: Buffer): void {
    this.#bytes = this.#at === this.#bytes.length ? chunk : Buffer.concat([this.#bytes.subarray(this.#at), chunk]);
    this.#at = 0;
    for (;;) {
      const start = this.#at;
      const reply = this.#read();
      if (reply === undefined) {
        this.#at = start;
        return;
      }
      this.#onReply(reply);
    }
  }

  /** Undefined where the bytes end first. */
  #read(): Reply | undefined {
    const type = this.#bytes[this.#at];
    const end = type === undefined ? -1 : this.#bytes.indexOf(CR, this.#at);
    if (end < 0 || end + 1 >= this.#bytes.length) return undefined;
    const start = this.#at + 1;
    this.#at = end + 2;
    if (type === COLON) return this.#integer(start, end);
    if (type === DOLLAR) return this.#bulk(this.#integer(start, end));
    if (type === STAR) return this.#array(this.#integer(start, end));
    const line = this.#bytes.toString('latin1', start, end);
    if (type === MINUS) return new RespError(line);
    if (type === PLUS) return line;
    throw new Error(`not a reply of Redis: ${line.slice(0, 40)}`);
  }

  #bulk(length: number): string | null | undefined {
    if (length < 0) return null;
    const end = this.#at + length;
    if (end + 2 > this.#bytes.length) return undefined;
    const text = length === 0 ? '' : this.#bytes.toString('latin1', this.#at, end);
    this.#at = end + 2;
    return text;
  }

  #array(length: number): Reply | undefined {
    if (length < 0) return null;
    const items: Reply[] = [];
    for (let n = 0; n < length; n++) {
      const item = this.#read();
      if (item === undefined) return undefined;
      items.push(item);
    }
    return items;
  }

  #integer(start: number, end: number): number {
    const negative = this.#bytes[start] === MINUS;
    let value = 0;
    for (let n = negative ? start + 1 : start; n < end; n++) value = value * 10 + this.#bytes[n]! - 0x30;
    return negative ? -value : value;
  }
}
