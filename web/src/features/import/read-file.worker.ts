import { strFromU8, unzipSync } from 'fflate';
import { answerCalls } from '../../lib/worker-call.ts';
import type { ImportPlan } from './plan.ts';
import { planOf } from './plan-file.ts';

export type ReadFile = { plan: ImportPlan } | { refused: 'too-large' | 'no-chats-in-zip' | 'no-json' | 'unknown' };

/** Only workers have it. */
declare const FileReaderSync: new () => { readAsArrayBuffer(file: Blob): ArrayBuffer };

/** Of what is read, unpacked. */
const MOST_BYTES = 256 * 1024 * 1024;
const CHATS = /(^|\/)(conversations(-\d+)?|chat-export[^/]*|chatterbot-export[^/]*)\.json$/i;

answerCalls((file: File): ReadFile => {
  if (file.size > MOST_BYTES) return { refused: 'too-large' };
  const bytes = new Uint8Array(new FileReaderSync().readAsArrayBuffer(file));
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b;
  return isZip ? fromZip(bytes) : fromJson([bytes]);
});

function fromZip(bytes: Uint8Array): ReadFile {
  let size = 0;
  const found = unzipSync(bytes, {
    filter({ name, originalSize }) {
      if (!CHATS.test(name)) return false;
      size += originalSize;
      return size <= MOST_BYTES;
    },
  });
  if (size > MOST_BYTES) return { refused: 'too-large' };
  const files = Object.keys(found)
    .sort()
    .map((name) => found[name]!);
  return files.length === 0 ? { refused: 'no-chats-in-zip' } : fromJson(files);
}

/** Large exports come in several files, each a list. */
function fromJson(files: readonly Uint8Array[]): ReadFile {
  let parsed: unknown[];
  try {
    parsed = files.map((bytes) => JSON.parse(strFromU8(bytes).replace(/^\ufeff/, '')) as unknown);
  } catch {
    return { refused: 'no-json' };
  }
  const plan = planOf(parsed.length > 1 && parsed.every(Array.isArray) ? parsed.flat() : parsed[0]);
  return plan ? { plan } : { refused: 'unknown' };
}
