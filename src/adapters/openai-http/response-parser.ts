/** What one response consists of, as it comes. Body bytes may be read only while they are handed over. */
export type ResponseListener = {
  onHead(status: number, headers: Readonly<Record<string, string>>): void;
  onBody(bytes: Buffer): void;
  onEnd(): void;
};

/** Where the bytes that come next belong. `length`: a body of which so much is still to come. */
type State = 'head' | 'size' | 'chunk' | 'chunk-end' | 'trailers' | 'length' | 'until-close' | 'over';

/** Bytes of a head, and of what may follow a body. */
const LONGEST_HEAD = 64 * 1024;
const LARGEST_CHUNK = 2 ** 31;
const HEAD_END = '\r\n\r\n';
const [CR, LF, SEMICOLON] = [0x0d, 0x0a, 0x3b];

/**
 * Reads one HTTP/1.1 response out of bytes that come in any pieces, without a copy of its body: a token is a
 * chunk of its own, and whatever a general client does for each would cost more than reading it.
 */
export class ResponseParser {
  readonly #listener: ResponseListener;
  #state: State = 'head';
  #head = '';
  /** Of the chunk or the counted body: what is still to come; of trailers, what came. */
  #bytes = 0;
  #hasDigits = false;
  #isExtension = false;
  #keepsAlive = false;

  constructor(listener: ResponseListener) {
    this.#listener = listener;
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** The connection can serve another request. */
  get keepsAlive(): boolean {
    return this.isOver && this.#keepsAlive;
  }

  get hasBegun(): boolean {
    return this.#state !== 'head' || this.#head !== '';
  }

  /** Throws where it is not HTTP, and what the listener throws. Bytes behind its end make it unfit for another. */
  feed(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length && this.#state !== 'over') at = this.#step(bytes, at);
    if (at < bytes.length) this.#keepsAlive = false;
  }

  /** The server said no more: throws where that is too early. */
  closed(): void {
    if (this.#state === 'over') return;
    if (this.#state !== 'until-close') throw new Error('the connection was closed before the end of the response');
    this.#end();
  }

  /** Where the next step begins. */
  #step(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case 'head':
        return this.#readHead(bytes, at);
      case 'size':
        return this.#readSize(bytes, at);
      case 'chunk-end':
        return this.#readChunkEnd(bytes, at);
      case 'trailers':
        return this.#readTrailers(bytes, at);
      default:
        return this.#readBody(bytes, at);
    }
  }

  #readHead(bytes: Buffer, at: number): number {
    const before = this.#head.length;
    this.#head += bytes.toString('latin1', at);
    const end = this.#head.indexOf(HEAD_END, Math.max(0, before - HEAD_END.length));
    if ((end < 0 ? this.#head.length : end) > LONGEST_HEAD) throw new Error('the head of the response is too long');
    if (end < 0) return bytes.length;
    const head = this.#head.slice(0, end);
    this.#head = '';
    this.#begin(head);
    return at + end + HEAD_END.length - before;
  }

  #begin(head: string): void {
    const { version, status, headers } = parseHead(head);
    if (status < 200) return; // The final one follows.
    const options = headers.connection?.toLowerCase() ?? '';
    this.#keepsAlive = version === 1 ? !options.includes('close') : options.includes('keep-alive');
    const coding = headers['transfer-encoding']?.toLowerCase();
    const length = headers['content-length'];
    if (coding?.endsWith('chunked')) this.#expectSize();
    else if (status === 204 || status === 304) this.#expectLength(0);
    else if (coding === undefined && length !== undefined) this.#expectLength(parseLength(length));
    else this.#state = 'until-close';
    if (this.#state === 'until-close') this.#keepsAlive = false;
    this.#listener.onHead(status, headers);
    if (this.#state === 'length' && this.#bytes === 0) this.#end();
  }

  #expectSize(): void {
    this.#state = 'size';
    this.#bytes = 0;
    this.#hasDigits = false;
    this.#isExtension = false;
  }

  #expectLength(bytes: number): void {
    this.#state = 'length';
    this.#bytes = bytes;
  }

  #readSize(bytes: Buffer, from: number): number {
    for (let at = from; at < bytes.length; at += 1) {
      const code = bytes[at]!;
      if (code === LF) {
        if (!this.#hasDigits) throw new Error('a chunk has no size');
        this.#state = this.#bytes === 0 ? 'trailers' : 'chunk';
        return at + 1;
      }
      if (code === SEMICOLON) this.#isExtension = true;
      else if (!this.#isExtension && code !== CR && code !== 0x20) this.#addDigit(code);
    }
    return bytes.length;
  }

  #addDigit(code: number): void {
    const digit = hexDigit(code);
    if (digit < 0) throw new Error('the size of a chunk is no number');
    this.#hasDigits = true;
    this.#bytes = this.#bytes * 16 + digit;
    if (this.#bytes > LARGEST_CHUNK) throw new Error('a chunk is too large');
  }

  #readBody(bytes: Buffer, at: number): number {
    if (this.#state === 'until-close') {
      this.#listener.onBody(at === 0 ? bytes : bytes.subarray(at));
      return bytes.length;
    }
    const end = Math.min(bytes.length, at + this.#bytes);
    this.#bytes -= end - at;
    // First what follows from it, since the listener may throw.
    const isLast = this.#bytes === 0;
    const wasChunk = this.#state === 'chunk';
    if (isLast && wasChunk) this.#state = 'chunk-end';
    this.#listener.onBody(bytes.subarray(at, end));
    if (isLast && !wasChunk) this.#end();
    return end;
  }

  #readChunkEnd(bytes: Buffer, at: number): number {
    const code = bytes[at];
    if (code === LF) this.#expectSize();
    else if (code !== CR) throw new Error('a chunk is longer than its size');
    return at + 1;
  }

  /** Lines that nobody reads, to the empty one. */
  #readTrailers(bytes: Buffer, from: number): number {
    for (let at = from; at < bytes.length; at += 1) {
      const code = bytes[at]!;
      if (code === LF && this.#bytes === 0) {
        this.#end();
        return at + 1;
      }
      if (code === LF) this.#bytes = 0;
      else if (code !== CR && ++this.#bytes > LONGEST_HEAD) throw new Error('a trailer is too long');
    }
    return bytes.length;
  }

  #end(): void {
    this.#state = 'over';
    this.#listener.onEnd();
  }
}

function parseHead(head: string): { version: number; status: number; headers: Record<string, string> } {
  const [first = '', ...lines] = head.split('\r\n');
  const [, version, status] = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(first) ?? [];
  if (status === undefined) throw new Error(`not a response of HTTP/1: ${first.slice(0, 80)}`);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon <= 0) throw new Error('a header of the response has no name');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return { version: Number(version), status: Number(status), headers };
}

function parseLength(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new Error('the length of the response is no number');
  return Number(text);
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
