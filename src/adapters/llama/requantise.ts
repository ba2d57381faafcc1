import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { type GgufHeader, type GgufTensor, readGgufHeader, tensorBytes, tensorValues } from '../../lib/gguf.ts';

/** llama.cpp has no fast kernels for Q4_1; the same weights as Q8_0 are read twice as fast and lose next to nothing. */
const Q4_1 = 3;
const Q8_0 = 8;
const FILE_TYPE_Q8_0 = 7;

const BLOCK_VALUES = 32;
const Q4_1_BLOCK_BYTES = 20;
const Q8_0_BLOCK_BYTES = 34;
/** About 20 ms of work between two awaits, so that a server in the same process stays alive. */
const BLOCKS_PER_SLICE = 16_384;

export type RequantiseOptions = { onBytes?: (bytes: number, total: number) => void; signal?: AbortSignal };

/** Writes `source` with its Q4_1 tensors turned into Q8_0 to `target`, which appears whole or not at all. */
export async function requantise(source: string, target: string, options: RequantiseOptions = {}): Promise<void> {
  const header = await readGgufHeader(source);
  const tensors = planTensors(header);
  const part = `${target}.part`;
  try {
    await using input = await open(source);
    await using output = await open(part, 'w');
    await writeHeader(input, output, header, tensors);
    await writeTensors(input, output, header, tensors, options);
    await output.sync();
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  await rename(part, target);
}

type PlannedTensor = { from: GgufTensor; type: number; offset: number; bytes: number };

function planTensors(header: GgufHeader): PlannedTensor[] {
  let offset = 0;
  return header.tensors.map((from) => {
    const type = from.type === Q4_1 ? Q8_0 : from.type;
    const bytes = tensorBytes({ ...from, type });
    if (bytes === null) throw new Error(`Tensor ${from.name} has type ${from.type}, which is not known here.`);
    const planned = { from, type, offset, bytes };
    offset = align(offset + bytes, header.alignment);
    return planned;
  });
}

async function writeHeader(
  input: FileHandle,
  output: FileHandle,
  header: GgufHeader,
  tensors: readonly PlannedTensor[],
): Promise<void> {
  const metadata = Buffer.alloc(header.tensorTableStart);
  await input.read(metadata, 0, metadata.length, 0);
  const fileType = header.valueOffsets.get('general.file_type');
  if (fileType !== undefined) metadata.writeUInt32LE(FILE_TYPE_Q8_0, fileType);
  const head = Buffer.concat([metadata, ...tensors.map(tableEntry)]);
  await output.writeFile(Buffer.concat([head, padding(head.length, header.alignment)]));
}

function tableEntry({ from, type, offset }: PlannedTensor): Buffer {
  const name = Buffer.from(from.name);
  const entry = Buffer.alloc(8 + name.length + 4 + 8 * from.dimensions.length + 12);
  let at = entry.writeBigUInt64LE(BigInt(name.length), 0);
  at += name.copy(entry, at);
  at = entry.writeUInt32LE(from.dimensions.length, at);
  for (const size of from.dimensions) at = entry.writeBigUInt64LE(BigInt(size), at);
  at = entry.writeUInt32LE(type, at);
  entry.writeBigUInt64LE(BigInt(offset), at);
  return entry;
}

async function writeTensors(
  input: FileHandle,
  output: FileHandle,
  header: GgufHeader,
  tensors: readonly PlannedTensor[],
  options: RequantiseOptions,
): Promise<void> {
  const total = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
  let written = 0;
  for (const { from, bytes } of tensors) {
    const convert = from.type === Q4_1;
    const sliceBytes = BLOCKS_PER_SLICE * (convert ? Q4_1_BLOCK_BYTES : Q8_0_BLOCK_BYTES);
    const sourceBytes = convert ? (tensorValues(from) / BLOCK_VALUES) * Q4_1_BLOCK_BYTES : bytes;
    for (let at = 0; at < sourceBytes; at += sliceBytes) {
      options.signal?.throwIfAborted();
      const slice = Buffer.alloc(Math.min(sliceBytes, sourceBytes - at));
      await input.read(slice, 0, slice.length, header.dataStart + from.offset + at);
      const converted = convert ? q4ToQ8(slice) : slice;
      await output.writeFile(converted);
      written += converted.length;
      options.onBytes?.(written, total);
    }
    await output.writeFile(padding(bytes, header.alignment));
  }
}

/**
 * Q4_1 block: scale and minimum as half floats, then 16 bytes whose low nibbles are the values 0–15 and whose
 * high nibbles the values 16–31. Q8_0 block: scale as half float, then 32 signed bytes.
 */
export function q4ToQ8(source: Buffer): Buffer {
  const blocks = source.length / Q4_1_BLOCK_BYTES;
  const target = Buffer.alloc(blocks * Q8_0_BLOCK_BYTES);
  const values = new Float32Array(BLOCK_VALUES);
  for (let block = 0; block < blocks; block++) {
    const from = block * Q4_1_BLOCK_BYTES;
    const to = block * Q8_0_BLOCK_BYTES;
    const scale = halfToNumber(source.readUInt16LE(from));
    const minimum = halfToNumber(source.readUInt16LE(from + 2));
    let largest = 0;
    for (let i = 0; i < 16; i++) {
      const pair = source[from + 4 + i]!;
      values[i] = (pair & 15) * scale + minimum;
      values[i + 16] = (pair >> 4) * scale + minimum;
      largest = Math.max(largest, Math.abs(values[i]!), Math.abs(values[i + 16]!));
    }
    const step = largest / 127;
    target.writeUInt16LE(numberToHalf(step), to);
    for (let i = 0; i < BLOCK_VALUES; i++) {
      target.writeInt8(step === 0 ? 0 : Math.round(values[i]! / step), to + 2 + i);
    }
  }
  return target;
}

function halfToNumber(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const floatView = new Float32Array(1);
const bitsView = new Uint32Array(floatView.buffer);

/** Rounds to nearest; for finite values within the range of half floats. */
function numberToHalf(value: number): number {
  floatView[0] = value;
  const bits = bitsView[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 255) - 112;
  const fraction = bits & 0x7fffff;
  if (exponent < -10) return sign;
  if (exponent <= 0) {
    const shift = 14 - exponent;
    return sign | (((fraction | 0x800000) + (1 << (shift - 1))) >> shift);
  }
  return sign | (((exponent << 10) | (fraction >> 13)) + ((fraction >> 12) & 1));
}

function align(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}

function padding(length: number, alignment: number): Buffer {
  return Buffer.alloc(align(length, alignment) - length);
}
