import { promisify } from 'node:util';
import { constants, zstdCompress, zstdCompressSync, zstdDecompress, zstdDecompressSync } from 'node:zlib';
import type { Cache } from '../../ports/cache.ts';
import type { RedisConnection } from './connection.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** The first byte of what is stored says how the rest is. */
const PLAIN = 0;
const ZSTD = 1;
const COMPRESS_FROM_BYTES = 1_024;
/** Below it, asking another thread costs more than the work. */
const ASIDE_FROM_BYTES = 32 * 1_024;
const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };
/** No entry is near it: it bounds what a damaged one can unfold to. */
const MAX_BYTES = 64 * 1024 * 1024;

/** On an instance that drops what was used longest ago. Whatever fails is a miss; the connection tells why. */
export class RedisCache implements Cache {
  readonly #connection: RedisConnection;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  async get(key: string): Promise<Uint8Array | null> {
    const name = nameOf(key);
    try {
      return await unpack((await this.#connection.send(name, ['GET', name], 'bytes')) as Buffer | null);
    } catch {
      return null;
    }
  }

  async set(key: string, value: Uint8Array, ttlMs: number): Promise<void> {
    const ttl = Math.floor(ttlMs);
    if (ttl <= 0) return await this.delete(key);
    const name = nameOf(key);
    // Its own copy, before anybody can write to the caller's.
    const own = Buffer.from(value);
    try {
      await this.#connection.send(name, ['SET', name, await pack(own), 'PX', String(ttl)]);
    } catch {
      // What may stand there is not what was to be kept: it must not be found.
      await this.delete(key);
    }
  }

  /** With Redis away nobody is told of another: each caller keeps its own. */
  async add(key: string, value: Uint8Array, ttlMs: number): Promise<Uint8Array | null> {
    const name = nameOf(key);
    try {
      const packed = await pack(Buffer.from(value));
      const kept = await this.#connection.send(name, ['SET', name, packed, 'NX', 'PX', String(Math.floor(ttlMs))]);
      return kept === null ? await this.get(key) : null;
    } catch {
      return null;
    }
  }

  async delete(key: string): Promise<void> {
    const name = nameOf(key);
    await this.#connection.send(name, ['UNLINK', name]).catch(() => {});
  }
}

async function pack(bytes: Buffer): Promise<Buffer> {
  if (bytes.length < COMPRESS_FROM_BYTES) return prefixed(PLAIN, bytes);
  return prefixed(
    ZSTD,
    bytes.length < ASIDE_FROM_BYTES ? zstdCompressSync(bytes, OPTIONS) : await compress(bytes, OPTIONS),
  );
}

async function unpack(stored: Buffer | null): Promise<Uint8Array | null> {
  if (stored?.[0] === PLAIN) return stored.subarray(1);
  if (stored?.[0] === ZSTD) {
    const bytes = stored.subarray(1);
    const options = { maxOutputLength: MAX_BYTES };
    return bytes.length < ASIDE_FROM_BYTES ? zstdDecompressSync(bytes, options) : await decompress(bytes, options);
  }
  return null; // Or of a later version.
}

const nameOf = (key: string) => `cache:${key}`;
const prefixed = (codec: number, bytes: Uint8Array) => Buffer.concat([Buffer.of(codec), bytes]);
