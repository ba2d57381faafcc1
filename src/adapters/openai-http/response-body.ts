import { StringDecoder } from 'node:string_decoder';
import { constants, createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { inferenceError } from './upstream-errors.ts';

type Headers = Readonly<Record<string, string>>;
type Listener = { onStream(bytes: Buffer): void; onEnd(): void; onError(error: unknown): void };

/**
 * What a body is by its status and type. `stream`: events. `whole`: a completion in one piece, or an error, as JSON.
 * `refusal`: not 200. `page`: what a proxy puts in the place of an answer.
 */
type Kind = 'stream' | 'whole' | 'refusal' | 'page';

/** Characters: an error is read up to here, and a completion in one piece. */
const LONGEST_TEXT: Record<Kind, number> = { stream: 0, refusal: 16_384, page: 2000, whole: 64 * 1024 * 1024 };

const DECOMPRESSORS = {
  gzip: () => createGunzip({ flush: constants.Z_SYNC_FLUSH }),
  deflate: () => createInflate({ flush: constants.Z_SYNC_FLUSH }),
  br: () => createBrotliDecompress({ flush: constants.BROTLI_OPERATION_FLUSH }),
} as const;

/** One response: decompressed where a proxy has compressed it unasked, and gathered where it is no stream. */
export class ResponseBody {
  readonly kind: Kind;
  readonly status: number;
  readonly retryAfter: string | undefined;
  text = '';
  readonly #listener: Listener;
  readonly #decoder = new StringDecoder('utf8');
  readonly #decompressor: ReturnType<(typeof DECOMPRESSORS)[keyof typeof DECOMPRESSORS]> | null;

  constructor(status: number, headers: Headers, listener: Listener) {
    this.status = status;
    this.kind = kindOf(status, headers['content-type'] ?? '');
    this.retryAfter = headers['retry-after'];
    this.#listener = listener;
    const encoding = headers['content-encoding']?.toLowerCase() ?? '';
    this.#decompressor = encoding in DECOMPRESSORS ? DECOMPRESSORS[encoding as keyof typeof DECOMPRESSORS]() : null;
    this.#decompressor?.on('data', (bytes: Buffer) => this.#take(bytes));
    this.#decompressor?.once('end', () => listener.onEnd());
    this.#decompressor?.once('error', (error) => listener.onError(inferenceError('stream_cut', error)));
  }

  write(bytes: Buffer): void {
    // It reads them later; they are the caller's.
    if (this.#decompressor) this.#decompressor.write(Buffer.from(bytes));
    else this.#take(bytes);
  }

  end(): void {
    if (this.#decompressor) this.#decompressor.end();
    else this.#listener.onEnd();
  }

  close(): void {
    this.#decompressor?.destroy();
  }

  #take(bytes: Buffer): void {
    if (this.kind === 'stream') this.#listener.onStream(bytes);
    else if (this.text.length < LONGEST_TEXT[this.kind]) this.text += this.#decoder.write(bytes);
  }
}

/** A stream may go under any name, but not as JSON or as a page. */
function kindOf(status: number, contentType: string): Kind {
  if (status !== 200) return 'refusal';
  if (/^application\/(problem\+)?json\b/i.test(contentType)) return 'whole';
  return /^text\/html\b/i.test(contentType) ? 'page' : 'stream';
}
