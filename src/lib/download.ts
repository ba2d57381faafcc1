import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export type Download = {
  url: string;
  target: string;
  /** Hex. Absent: the hash that the server states for the file, where it states one. */
  sha256?: string;
  connectTimeoutMs?: number;
  /** Nothing received for so long: the connection is given up and the download resumed. */
  idleTimeoutMs?: number;
  /** Tries in a row that bring no new byte before it is given up. */
  attempts?: number;
  retryDelayMs?: number;
  onProgress?: (progress: { bytes: number; total: number | null }) => void;
  onVerify?: () => void;
  /** Rejecting refuses the file; it is then removed. */
  inspect?: (path: string) => Promise<void>;
  signal?: AbortSignal;
};

/** `checked`: whether its hash was known beforehand. */
export type Downloaded = { bytes: number; sha256: string; checked: boolean };

/** The address cannot be reached, or has no such file: trying again at once is of no use. */
export class UnreachableError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'UnreachableError';
  }
}

/** It began, and then broke off again and again. What was received is kept: another call resumes it. */
export class BrokenOffError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'BrokenOffError';
  }
}

/** What was received is not what was asked for. It has been removed. */
export class ChecksumError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ChecksumError';
  }
}

/**
 * Downloads into `target.part`, resuming what an earlier run left there, verifies, and renames: `target`
 * is never an incomplete file. Survives cuts, stalls and servers without range support.
 */
export async function download(options: Download): Promise<Downloaded> {
  const part = `${options.target}.part`;
  await mkdir(dirname(options.target), { recursive: true });
  const remote = await receive(options, part);
  options.onVerify?.();
  const sha256 = await hashFile(part, options.signal);
  const expected = options.sha256 ?? remote.sha256;
  if (expected !== null && expected.toLowerCase() !== sha256) {
    await discard(part);
    throw new ChecksumError(`The file from ${options.url} has SHA-256 ${sha256} instead of ${expected}.`);
  }
  try {
    await options.inspect?.(part);
  } catch (error) {
    await discard(part);
    throw new ChecksumError(`The file from ${options.url} is not usable: ${(error as Error).message}`, {
      cause: error,
    });
  }
  await rename(part, options.target);
  await rm(sidecar(part), { force: true });
  return { bytes: remote.bytes, sha256, checked: expected !== null };
}

export async function hashFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, ...(signal ? { signal } : {}) })) {
    hash.update(chunk);
  }
  return hash.digest('hex');
}

type Remote = { bytes: number; sha256: string | null };

async function receive(options: Download, part: string): Promise<Remote> {
  const { attempts = 5, retryDelayMs = 1000, signal, url } = options;
  const contact = { made: false };
  let fruitless = 0;
  for (;;) {
    const before = await sizeOf(part);
    try {
      return await receiveOnce(options, part, contact);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof UnreachableError || isLocal(error)) throw error;
      if (!contact.made) throw new UnreachableError(`${url} cannot be reached: ${reason(error)}`, { cause: error });
      fruitless = (await sizeOf(part)) > before ? 0 : fruitless + 1;
      if (fruitless >= attempts) {
        throw new BrokenOffError(`The download from ${url} broke off: ${reason(error)}`, { cause: error });
      }
      await sleep(retryDelayMs * (fruitless + 1), undefined, signal ? { signal } : {});
    }
  }
}

async function receiveOnce(options: Download, part: string, contact: { made: boolean }): Promise<Remote> {
  const have = await sizeOf(part);
  const validator = have > 0 ? await readValidator(part, options.url) : null;
  const idle = new IdleTimer(options.connectTimeoutMs ?? 3000, options.signal);
  try {
    const headers: Record<string, string> = { 'accept-encoding': 'identity' };
    if (validator !== null) {
      headers.range = `bytes=${have}-`;
      if (validator.etag !== null) headers['if-range'] = validator.etag;
    }
    const { response, sha256 } = await follow(options.url, headers, idle);
    contact.made = true;
    idle.limit = options.idleTimeoutMs ?? 30_000;
    if (response.status === 416 && validator !== null) {
      await discard(part);
      throw new Error('The server has less than was received before.');
    }
    if (response.status === 416 || (response.status >= 400 && response.status < 500 && response.status !== 429)) {
      throw new UnreachableError(`${options.url} answered with status ${response.status}.`);
    }
    if (!response.ok || response.body === null) throw new Error(`Status ${response.status}.`);
    const start = response.status === 206 ? rangeStart(response.headers.get('content-range')) : 0;
    if (start !== 0 && start !== have) throw new Error('The server sent another range than was asked for.');
    const total = totalBytes(response, start);
    await writeFile(sidecar(part), JSON.stringify({ url: options.url, etag: strongEtag(response) }));
    const bytes = await writeBody(response.body, part, start, (count) => {
      idle.touch();
      options.onProgress?.({ bytes: count, total });
    });
    if (total !== null && bytes !== total) throw new Error(`The connection ended after ${bytes} of ${total} bytes.`);
    return { bytes, sha256: sha256 ?? null };
  } finally {
    idle.stop();
  }
}

/**
 * Follows redirects by hand: a model hub states the hash of the file (`X-Linked-ETag`) in the answer that
 * redirects to its storage, and nowhere else.
 */
async function follow(
  url: string,
  headers: Record<string, string>,
  idle: IdleTimer,
): Promise<{ response: Response; sha256: string | null }> {
  let sha256: string | null = null;
  let address = url;
  for (let hops = 0; hops < 10; hops++) {
    const response = await fetch(address, { headers, redirect: 'manual', signal: idle.signal });
    idle.touch();
    sha256 ??= statedHash(response.headers);
    const location = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || location === null) return { response, sha256 };
    await response.body?.cancel();
    address = new URL(location, address).href;
  }
  throw new UnreachableError(`${url} redirects in circles.`);
}

function statedHash(headers: Headers): string | null {
  return /^"?([0-9a-f]{64})"?$/i.exec(headers.get('x-linked-etag') ?? '')?.[1]?.toLowerCase() ?? null;
}

async function writeBody(
  body: ReadableStream<Uint8Array>,
  part: string,
  start: number,
  onBytes: (bytes: number) => void,
): Promise<number> {
  await using file = await open(part, start === 0 ? 'w' : 'a');
  let bytes = start;
  for await (const chunk of body) {
    await file.writeFile(chunk);
    bytes += chunk.byteLength;
    onBytes(bytes);
  }
  await file.sync();
  return bytes;
}

/** Aborts when nothing has happened for `limit` milliseconds. */
class IdleTimer {
  limit: number;
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(limit: number, outer: AbortSignal | undefined) {
    this.limit = limit;
    this.signal = outer ? AbortSignal.any([outer, this.#controller.signal]) : this.#controller.signal;
    this.touch();
  }

  touch(): void {
    clearTimeout(this.#timer);
    const { limit } = this;
    this.#timer = setTimeout(() => this.#controller.abort(new Error(`Nothing received for ${limit} ms.`)), limit);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

function sidecar(part: string): string {
  return `${part}.json`;
}

/** Null: what is there is of another address or of no known version, and is not to be added to. */
async function readValidator(part: string, url: string): Promise<{ etag: string | null } | null> {
  try {
    const known = JSON.parse(await readFile(sidecar(part), 'utf8')) as { url?: string; etag?: string | null };
    return known.url === url ? { etag: known.etag ?? null } : null;
  } catch {
    return null;
  }
}

function strongEtag(response: Response): string | null {
  const etag = response.headers.get('etag');
  return etag?.startsWith('"') ? etag : null;
}

function rangeStart(header: string | null): number {
  return Number(/^bytes (\d+)-/.exec(header ?? '')?.[1] ?? Number.NaN);
}

function totalBytes(response: Response, start: number): number | null {
  const length = response.headers.get('content-length');
  return length === null ? null : start + Number(length);
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => null))?.size ?? 0;
}

async function discard(part: string): Promise<void> {
  await rm(part, { force: true });
  await rm(sidecar(part), { force: true });
}

/** A full disk or an unwritable folder: another try would meet the same. */
function isLocal(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return ['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'EFBIG', 'ENOENT', 'EISDIR'].includes(code ?? '');
}

function reason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== '' ? cause.message : message;
}
