import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tinyModel } from '../../scripts/make-tiny-model.ts';
import { q4ToQ8, requantise } from '../../src/adapters/llama/requantise.ts';
import { expectedBytes, GgufError, readGgufHeader } from '../../src/lib/gguf.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'requantise-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** One block: scale 0.5, minimum -3, values that count up. */
function block(): Buffer {
  const bytes = Buffer.alloc(20);
  bytes.writeUInt16LE(0x3800, 0);
  bytes.writeUInt16LE(0xc200, 2);
  for (let i = 0; i < 16; i++) bytes[4 + i] = i | ((15 - i) << 4);
  return bytes;
}

it('turns Q4_1 blocks into Q8_0 blocks of nearly the same values', () => {
  const target = q4ToQ8(Buffer.concat([block(), block()]));
  expect(target).toHaveLength(68);
  const half = target.readUInt16LE(34);
  const scale = 2 ** ((half >> 10) - 15) * (1 + (half & 1023) / 1024);
  for (let i = 0; i < 16; i++) {
    expect(target.readInt8(36 + i) * scale).toBeCloseTo(i * 0.5 - 3, 1);
    expect(target.readInt8(52 + i) * scale).toBeCloseTo((15 - i) * 0.5 - 3, 1);
  }
});

it('keeps all else of a file', async () => {
  const source = join(folder, 'tiny.gguf');
  const target = join(folder, 'out.gguf');
  await writeFile(source, tinyModel());
  await requantise(source, target);
  const [before, after] = [await readGgufHeader(source), await readGgufHeader(target)];
  expect(after.tensors).toEqual(before.tensors);
  expect(after.metadata.get('general.name')).toBe('Tiny random llama');
  expect(after.metadata.get('general.file_type')).toBe(7);
  expect(expectedBytes(after)).toBeLessThanOrEqual(after.fileBytes);
  expect((await readdir(folder)).sort()).toEqual(['out.gguf', 'tiny.gguf']);
});

it('leaves nothing behind when it is aborted', async () => {
  const source = join(folder, 'tiny.gguf');
  const target = join(folder, 'aborted.gguf');
  await expect(requantise(source, target, { signal: AbortSignal.abort() })).rejects.toThrow();
  expect((await readdir(folder)).filter((name) => name.startsWith('aborted'))).toEqual([]);
});

it('tells a broken file from a cut one', async () => {
  const path = join(folder, 'broken.gguf');
  await writeFile(path, 'GGXF and more');
  await expect(readGgufHeader(path)).rejects.toThrow(/not a GGUF/);
  await writeFile(path, tinyModel().subarray(0, 2000));
  await expect(readGgufHeader(path)).rejects.toThrow(GgufError);
  await writeFile(path, tinyModel().subarray(0, 200_000));
  const header = await readGgufHeader(path);
  expect(expectedBytes(header)).toBeGreaterThan(header.fileBytes);
});
