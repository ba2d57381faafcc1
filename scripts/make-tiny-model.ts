import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * A random model of half a megabyte for tests: llama architecture, byte-fallback vocabulary, ChatML template.
 * It writes valid UTF-8 in word-like pieces, is deterministic when greedy, and ends by itself.
 *
 *   node scripts/make-tiny-model.ts OUT.gguf [SEED]
 */
const DIM = 64;
const LAYERS = 2;
const HEADS = 4;
const KV_HEADS = 2;
const FEED_FORWARD = 128;
const CONTEXT = 4096;
const HEAD_DIM = DIM / HEADS;

const CHAT_ML =
  "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/** Token types of the format. */
const TOKEN = { normal: 1, unknown: 2, control: 3, byte: 6 } as const;

type Vocabulary = {
  tokens: string[];
  types: number[];
  scores: number[];
  beginning: number;
  end: number;
  firstText: number;
  firstWord: number;
};

function vocabulary(): Vocabulary {
  const tokens: string[] = [];
  const types: number[] = [];
  const scores: number[] = [];
  const add = (token: string, type: number, score = 0) => {
    tokens.push(token);
    types.push(type);
    scores.push(score);
    return tokens.length - 1;
  };
  add('<unk>', TOKEN.unknown);
  const beginning = add('<s>', TOKEN.control);
  add('</s>', TOKEN.control);
  add('<|im_start|>', TOKEN.control);
  const end = add('<|im_end|>', TOKEN.control);
  for (let byte = 0; byte < 256; byte++) add(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`, TOKEN.byte);
  const firstText = tokens.length;
  const letters = '▁abcdefghijklmnopqrstuvwxyz.,?!\n0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';
  for (const letter of letters) add(letter, TOKEN.normal, -100);
  const firstWord = tokens.length;
  const words = 'the of and sea wind light ship a to in is salt cold night star bird stone song'.split(' ');
  for (const [index, word] of words.entries()) add(`▁${word}`, TOKEN.normal, -1 - index);
  return { tokens, types, scores, beginning, end, firstText, firstWord };
}

type Tensor = { name: string; dimensions: number[]; values: Float32Array };

/**
 * Channel 0 is a constant: embeddings carry 1 there, blocks never write to it, and the output rows use it as
 * a bias, which forbids bytes and control tokens and favours words and the end.
 */
function weights(words: Vocabulary, seed: number, ends: boolean): Tensor[] {
  const gauss = gaussian(seed);
  const matrix = (
    name: string,
    inputs: number,
    outputs: number,
    deviation: number,
    fixed?: (row: number, column: number) => number | undefined,
  ): Tensor => {
    const values = new Float32Array(inputs * outputs);
    for (let row = 0; row < outputs; row++) {
      for (let column = 0; column < inputs; column++) {
        values[row * inputs + column] = fixed?.(row, column) ?? gauss() * deviation;
      }
    }
    return { name, dimensions: [inputs, outputs], values };
  };
  const ones = (name: string): Tensor => ({ name, dimensions: [DIM], values: new Float32Array(DIM).fill(1) });
  const keepConstant = (row: number) => (row === 0 ? 0 : undefined);
  const size = words.tokens.length;
  const scale = 1 / Math.sqrt(DIM);
  const tensors = [matrix('token_embd.weight', DIM, size, 0.6, (_row, column) => (column === 0 ? 1 : undefined))];
  for (let layer = 0; layer < LAYERS; layer++) {
    const block = `blk.${layer}.`;
    tensors.push(
      ones(`${block}attn_norm.weight`),
      matrix(`${block}attn_q.weight`, DIM, DIM, 2 * scale),
      matrix(`${block}attn_k.weight`, DIM, KV_HEADS * HEAD_DIM, 2 * scale),
      matrix(`${block}attn_v.weight`, DIM, KV_HEADS * HEAD_DIM, 2 * scale),
      matrix(`${block}attn_output.weight`, DIM, DIM, 2 * scale, keepConstant),
      ones(`${block}ffn_norm.weight`),
      matrix(`${block}ffn_gate.weight`, DIM, FEED_FORWARD, 2 * scale),
      matrix(`${block}ffn_up.weight`, DIM, FEED_FORWARD, 2 * scale),
      matrix(`${block}ffn_down.weight`, FEED_FORWARD, DIM, 2 / Math.sqrt(FEED_FORWARD), keepConstant),
    );
  }
  const bias = (row: number) => {
    if (row === words.end) return ends ? -14 : -60;
    if (row < words.firstText) return -60;
    return row >= words.firstWord ? 4 : -2;
  };
  tensors.push(
    ones('output_norm.weight'),
    matrix('output.weight', DIM, size, 3 * scale, (row, column) => (column === 0 ? bias(row) : undefined)),
  );
  return tensors;
}

/** Mulberry32 behind a Box–Muller transform. */
function gaussian(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform() + 1e-12)) * Math.cos(2 * Math.PI * uniform());
}

/** Value types of the format. */
const VALUE = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 } as const;
type Scalar = 'u32' | 'i32' | 'f32' | 'bool' | 'string';

class Writer {
  #parts: Buffer[] = [];
  length = 0;

  raw(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.length += bytes.length;
  }

  u32(value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    this.raw(bytes);
  }

  u64(value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    this.raw(bytes);
  }

  string(value: string): void {
    const bytes = Buffer.from(value);
    this.u64(bytes.length);
    this.raw(bytes);
  }

  scalar(type: Scalar, value: number | string | boolean): void {
    if (type === 'string') this.string(String(value));
    else if (type === 'bool') this.raw(Buffer.from([value ? 1 : 0]));
    else this.raw(numberBytes(type, Number(value)));
  }

  pad(alignment: number): void {
    this.raw(Buffer.alloc((alignment - (this.length % alignment)) % alignment));
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

function numberBytes(type: 'u32' | 'i32' | 'f32', value: number): Buffer {
  const bytes = Buffer.alloc(4);
  if (type === 'f32') bytes.writeFloatLE(value);
  else if (type === 'i32') bytes.writeInt32LE(value);
  else bytes.writeUInt32LE(value);
  return bytes;
}

type Entry = [key: string, type: Scalar, value: number | string | boolean | readonly (number | string)[]];

function metadata(words: Vocabulary, template: string): Entry[] {
  return [
    ['general.architecture', 'string', 'llama'],
    ['general.name', 'string', 'Tiny random llama'],
    ['general.license', 'string', 'cc0-1.0'],
    ['general.file_type', 'u32', 0],
    ['general.sampling.temp', 'f32', 0],
    ['llama.context_length', 'u32', CONTEXT],
    ['llama.embedding_length', 'u32', DIM],
    ['llama.block_count', 'u32', LAYERS],
    ['llama.feed_forward_length', 'u32', FEED_FORWARD],
    ['llama.attention.head_count', 'u32', HEADS],
    ['llama.attention.head_count_kv', 'u32', KV_HEADS],
    ['llama.attention.layer_norm_rms_epsilon', 'f32', 1e-5],
    ['llama.rope.dimension_count', 'u32', HEAD_DIM],
    ['llama.rope.freq_base', 'f32', 10_000],
    ['llama.vocab_size', 'u32', words.tokens.length],
    ['tokenizer.ggml.model', 'string', 'llama'],
    ['tokenizer.ggml.tokens', 'string', words.tokens],
    ['tokenizer.ggml.scores', 'f32', words.scores],
    ['tokenizer.ggml.token_type', 'i32', words.types],
    ['tokenizer.ggml.bos_token_id', 'u32', words.beginning],
    ['tokenizer.ggml.eos_token_id', 'u32', words.end],
    ['tokenizer.ggml.unknown_token_id', 'u32', 0],
    ['tokenizer.ggml.add_bos_token', 'bool', false],
    ['tokenizer.ggml.add_eos_token', 'bool', false],
    ['tokenizer.ggml.add_space_prefix', 'bool', false],
    ['tokenizer.chat_template', 'string', template],
  ];
}

const ALIGNMENT = 32;

export function tinyModel(seed = 1, ends = true, template = CHAT_ML): Buffer {
  const words = vocabulary();
  const tensors = weights(words, seed, ends);
  const entries = metadata(words, template);
  const writer = new Writer();
  writer.raw(Buffer.from('GGUF'));
  writer.u32(3);
  writer.u64(tensors.length);
  writer.u64(entries.length);
  for (const [key, type, value] of entries) {
    writer.string(key);
    if (typeof value !== 'object') {
      writer.u32(VALUE[type]);
      writer.scalar(type, value);
      continue;
    }
    writer.u32(VALUE.array);
    writer.u32(VALUE[type]);
    writer.u64(value.length);
    for (const item of value) writer.scalar(type, item);
  }
  let offset = 0;
  for (const { name, dimensions, values } of tensors) {
    writer.string(name);
    writer.u32(dimensions.length);
    for (const size of dimensions) writer.u64(size);
    writer.u32(0);
    writer.u64(offset);
    offset += Math.ceil(values.byteLength / ALIGNMENT) * ALIGNMENT;
  }
  for (const { values } of tensors) {
    writer.pad(ALIGNMENT);
    writer.raw(Buffer.from(values.buffer));
  }
  writer.pad(ALIGNMENT);
  return writer.bytes();
}

/** Appears whole or not at all, also with several writers at once. */
export async function writeTinyModel(path: string, seed = 1, ends = true): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const part = `${path}.${process.pid}.part`;
  await writeFile(part, tinyModel(seed, ends));
  await rename(part, path);
}

const [, script, target, seed] = process.argv;
if (script !== undefined && import.meta.url === pathToFileURL(script).href) {
  if (target === undefined) throw new Error('Usage: node scripts/make-tiny-model.ts OUT.gguf [SEED]');
  await writeTinyModel(target, Number(seed ?? 1));
}
