import { open } from 'node:fs/promises';

/** The container format of llama.cpp's models: metadata, a table of tensors, then their data. */
export type GgufHeader = {
  version: number;
  metadata: ReadonlyMap<string, GgufValue>;
  tensors: readonly GgufTensor[];
  /** Where the metadata ends and the tensor table begins. */
  tensorTableStart: number;
  /** Tensor offsets count from here. */
  dataStart: number;
  alignment: number;
  /** Where the value of each metadata key stands in the file: for changes in place. */
  valueOffsets: ReadonlyMap<string, number>;
  fileBytes: number;
};

export type GgufValue = string | number | bigint | boolean | { arrayLength: number };
export type GgufTensor = { name: string; dimensions: readonly number[]; type: number; offset: number };

export class GgufError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'GgufError';
  }
}

const MAX_HEADER_BYTES = 256 * 1024 * 1024;
const FIRST_READ_BYTES = 1024 * 1024;

/** Reads no tensor data. Rejects with a GgufError where the file is not a GGUF, or is cut within its header. */
export async function readGgufHeader(path: string): Promise<GgufHeader> {
  await using file = await open(path);
  const { size } = await file.stat();
  for (let length = Math.min(size, FIRST_READ_BYTES); ; length = Math.min(size, length * 4)) {
    const buffer = Buffer.alloc(length);
    await file.read(buffer, 0, length, 0);
    try {
      return parse(buffer, size);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      if (length === size || length >= MAX_HEADER_BYTES) {
        throw new GgufError('The file ends within its own header: it is incomplete.', { cause: error });
      }
    }
  }
}

/** Bytes that a whole file must have at least; a shorter one was cut. Null where a tensor's type is not known here. */
export function expectedBytes(header: GgufHeader): number | null {
  let end = header.dataStart;
  for (const tensor of header.tensors) {
    const bytes = tensorBytes(tensor);
    if (bytes === null) return null;
    end = Math.max(end, header.dataStart + tensor.offset + bytes);
  }
  return end;
}

/** [values per block, bytes per block] of the tensor types in common use. */
const BLOCKS: Readonly<Record<number, readonly [number, number]>> = {
  0: [1, 4],
  1: [1, 2],
  2: [32, 18],
  3: [32, 20],
  6: [32, 22],
  7: [32, 24],
  8: [32, 34],
  9: [32, 36],
  10: [256, 84],
  11: [256, 110],
  12: [256, 144],
  13: [256, 176],
  14: [256, 210],
  15: [256, 292],
  30: [1, 2],
};

export function tensorBytes(tensor: GgufTensor): number | null {
  const block = BLOCKS[tensor.type];
  return block === undefined ? null : (tensorValues(tensor) / block[0]) * block[1];
}

export function tensorValues(tensor: GgufTensor): number {
  return tensor.dimensions.reduce((product, size) => product * size, 1);
}

const SCALAR_BYTES: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  7: 1,
  10: 8,
  11: 8,
  12: 8,
};
const STRING = 8;
const ARRAY = 9;

/** Throws a RangeError where the buffer is too short. */
function parse(buffer: Buffer, fileBytes: number): GgufHeader {
  if (buffer.toString('latin1', 0, 4) !== 'GGUF') throw new GgufError('The file is not a GGUF model.');
  const reader = new Reader(buffer, 4);
  const version = reader.u32();
  if (version < 2 || version > 3) throw new GgufError(`GGUF version ${version} is not understood.`);
  const tensorCount = reader.u64();
  const keyCount = reader.u64();
  const metadata = new Map<string, GgufValue>();
  const valueOffsets = new Map<string, number>();
  for (let i = 0; i < keyCount; i++) {
    const key = reader.text();
    const type = reader.u32();
    valueOffsets.set(key, reader.at);
    metadata.set(key, reader.value(type));
  }
  const tensorTableStart = reader.at;
  const tensors: GgufTensor[] = [];
  for (let i = 0; i < tensorCount; i++) {
    const name = reader.text();
    const dimensions = Array.from({ length: reader.u32() }, () => reader.u64());
    tensors.push({ name, dimensions, type: reader.u32(), offset: reader.u64() });
  }
  const alignment = Number(metadata.get('general.alignment') ?? 32);
  const dataStart = Math.ceil(reader.at / alignment) * alignment;
  return { version, metadata, tensors, tensorTableStart, dataStart, alignment, valueOffsets, fileBytes };
}

class Reader {
  readonly #buffer: Buffer;
  at: number;

  constructor(buffer: Buffer, at: number) {
    this.#buffer = buffer;
    this.at = at;
  }

  u32(): number {
    const value = this.#buffer.readUInt32LE(this.at);
    this.at += 4;
    return value;
  }

  u64(): number {
    const value = this.#buffer.readBigUInt64LE(this.at);
    this.at += 8;
    return Number(value);
  }

  text(): string {
    const length = this.u64();
    const end = this.at + length;
    if (end > this.#buffer.length) throw new RangeError('A string goes on past the bytes read.');
    const value = this.#buffer.toString('utf8', this.at, end);
    this.at = end;
    return value;
  }

  #skipText(): void {
    const length = this.u64();
    this.at += length;
  }

  value(type: number): GgufValue {
    if (type === STRING) return this.text();
    if (type === ARRAY) return this.#array();
    const bytes = SCALAR_BYTES[type];
    if (bytes === undefined) throw new GgufError(`Metadata of type ${type} is not understood.`);
    const at = this.at;
    this.at += bytes;
    if (type === 7) return this.#buffer.readUInt8(at) !== 0;
    if (type === 6) return this.#buffer.readFloatLE(at);
    if (type === 12) return this.#buffer.readDoubleLE(at);
    if (type === 10) return this.#buffer.readBigUInt64LE(at);
    if (type === 11) return this.#buffer.readBigInt64LE(at);
    return type % 2 === 0 ? this.#buffer.readUIntLE(at, bytes) : this.#buffer.readIntLE(at, bytes);
  }

  /** Skipped: vocabularies are long and nobody here reads them. */
  #array(): GgufValue {
    const type = this.u32();
    const arrayLength = this.u64();
    const bytes = SCALAR_BYTES[type];
    if (bytes !== undefined) this.at += arrayLength * bytes;
    else if (type === STRING) for (let i = 0; i < arrayLength; i++) this.#skipText();
    else throw new GgufError(`An array of type ${type} is not understood.`);
    if (this.at > this.#buffer.length) throw new RangeError('An array goes on past the bytes read.');
    return { arrayLength };
  }
}
