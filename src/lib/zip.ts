import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';

export type ExtractedMember = { name: string; bytes: number; sha256: string };

/**
 * Writes the first member whose name matches to `target`, streaming. For archives below 4 GiB, stored or
 * deflated, as Python wheels are.
 */
export async function extractZipMember(
  archive: string,
  name: RegExp,
  target: string,
  options: { onBytes?: (bytes: number, total: number) => void; signal?: AbortSignal } = {},
): Promise<ExtractedMember> {
  const member = await findMember(archive, name);
  const hash = createHash('sha256');
  let bytes = 0;
  const tap = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      options.onBytes?.(bytes, member.bytes);
      done(null, chunk);
    },
  });
  const source = createReadStream(archive, {
    start: member.start,
    end: member.start + member.packedBytes - 1,
    highWaterMark: 1 << 20,
  });
  const stages = member.deflated ? [source, createInflateRaw({ chunkSize: 1 << 20 }), tap] : [source, tap];
  await pipeline([...stages, createWriteStream(target)], options.signal ? { signal: options.signal } : {});
  if (bytes !== member.bytes) throw new Error(`${member.name} has ${bytes} bytes instead of ${member.bytes}.`);
  return { name: member.name, bytes, sha256: hash.digest('hex') };
}

type Member = { name: string; bytes: number; packedBytes: number; deflated: boolean; start: number };

const END_RECORD = Buffer.from('504b0506', 'hex');
const END_RECORD_MAX_BYTES = 22 + 0xffff;

async function findMember(archive: string, name: RegExp): Promise<Member> {
  await using file = await open(archive);
  const directory = await readDirectory(file);
  let at = 0;
  while (at < directory.length) {
    const nameLength = directory.readUInt16LE(at + 28);
    const memberName = directory.toString('utf8', at + 46, at + 46 + nameLength);
    if (name.test(memberName)) {
      const method = directory.readUInt16LE(at + 10);
      if (method !== 0 && method !== 8) throw new Error(`${memberName} is packed by method ${method}.`);
      return {
        name: memberName,
        bytes: directory.readUInt32LE(at + 24),
        packedBytes: directory.readUInt32LE(at + 20),
        deflated: method === 8,
        start: await dataStart(file, directory.readUInt32LE(at + 42)),
      };
    }
    at += 46 + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  throw new Error(`The archive has no member that matches ${name}.`);
}

async function readDirectory(file: FileHandle): Promise<Buffer> {
  const { size } = await file.stat();
  const tail = Buffer.alloc(Math.min(size, END_RECORD_MAX_BYTES));
  await file.read(tail, 0, tail.length, size - tail.length);
  const end = tail.lastIndexOf(END_RECORD);
  if (end < 0) throw new Error('The file is not a zip archive, or it was cut.');
  const directory = Buffer.alloc(tail.readUInt32LE(end + 12));
  await file.read(directory, 0, directory.length, tail.readUInt32LE(end + 16));
  return directory;
}

/** The local header repeats name and extra field, with lengths of its own. */
async function dataStart(file: FileHandle, headerStart: number): Promise<number> {
  const header = Buffer.alloc(30);
  await file.read(header, 0, 30, headerStart);
  return headerStart + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
}
