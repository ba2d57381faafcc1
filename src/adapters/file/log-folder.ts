import { readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { GenerationId } from '../../ports/generations.ts';
import type { Position } from '../../protocol/position.ts';
import { type LogRecord, samePosition } from '../token-log-record.ts';
import { wholeCharacters } from '../whole-characters.ts';

export const CHANNELS = ['text', 'reasoning'] as const;
export type Channel = (typeof CHANNELS)[number];

export type LoadedLog = {
  record: LogRecord;
  /** The epoch that began the files of its bytes. */
  base: number;
  /** Length of the record file. */
  recordBytes: number;
  /** Milliseconds since 1970. */
  touchedAt: number;
};

const FILE = /^([\w-]{1,100})\.(?:record|\d+\.(?:text|reasoning))$/;

export function recordFile(id: GenerationId): string {
  return safe(`${id}.record`);
}

export function channelFile(id: GenerationId, base: number, channel: Channel): string {
  return safe(`${id}.${base}.${channel}`);
}

/** An id becomes part of a path only where it cannot mean another folder. */
function safe(name: string): string {
  if (!FILE.test(name)) throw new TypeError('The id of a token log may hold letters, digits, - and _ only.');
  return name;
}

export function recordLine({ base, record }: LoadedLog): Uint8Array {
  return Buffer.from(`${JSON.stringify({ base, ...record })}\n`);
}

/** Everything that the folder holds, after whatever death: torn ends are cut off, leftovers removed. */
export function loadLogs(folder: string): Map<GenerationId, LoadedLog> {
  const files = new Map<GenerationId, string[]>();
  for (const name of readdirSync(folder)) {
    const id = FILE.exec(name)?.[1];
    if (id !== undefined) files.set(id, [...(files.get(id) ?? []), name]);
  }
  const logs = new Map<GenerationId, LoadedLog>();
  for (const [id, names] of files) {
    const log = names.includes(recordFile(id)) ? loadLog(folder, id, names) : null;
    if (log) logs.set(id, log);
    const kept = log ? [recordFile(id), ...CHANNELS.map((channel) => channelFile(id, log.base, channel))] : [];
    for (const name of names) if (!kept.includes(name)) rmSync(join(folder, name), { force: true });
  }
  return logs;
}

function loadLog(folder: string, id: GenerationId, names: readonly string[]): LoadedLog | null {
  const path = join(folder, recordFile(id));
  const last = lastLine(readFileSync(path));
  if (!last) return null;
  truncateSync(path, last.end);
  const { base, ...record } = last.line;
  let touchedAt = statSync(path).mtimeMs;
  const length = { text: 0, reasoning: 0 };
  for (const channel of CHANNELS) {
    const name = channelFile(id, base, channel);
    if (!names.includes(name)) continue;
    const { size, mtimeMs } = statSync(join(folder, name));
    touchedAt = Math.max(touchedAt, mtimeMs);
    length[channel] = record.closed && size === record.length[channel] ? size : cutBack(join(folder, name), size);
  }
  const asRecorded = samePosition(length, record.length);
  return {
    base,
    recordBytes: last.end,
    touchedAt,
    record: {
      ...record,
      length,
      ending: asRecorded ? record.ending : null,
      closed: asRecorded && record.closed,
    },
  };
}

/** The length left: whole characters, up to the first NUL, which no answer holds but a power cut leaves. */
function cutBack(path: string, size: number): number {
  const bytes = readFileSync(path);
  const zero = bytes.indexOf(0);
  const length = wholeCharacters(zero < 0 ? bytes : bytes.subarray(0, zero));
  if (length < size) truncateSync(path, length);
  return length;
}

type RecordLine = { base: number; length: Position } & LogRecord;

/** The last whole line that can be read, and where it ends; a torn one behind it never took effect. */
function lastLine(bytes: Buffer): { line: RecordLine; end: number } | null {
  for (let end = bytes.lastIndexOf(10); end >= 0; ) {
    const before = end === 0 ? -1 : bytes.lastIndexOf(10, end - 1);
    try {
      const line: unknown = JSON.parse(bytes.toString('utf8', before + 1, end));
      if (isRecordLine(line)) return { line, end: end + 1 };
    } catch {
      // Torn by a power cut: the line before it stands.
    }
    end = before;
  }
  return null;
}

function isRecordLine(line: unknown): line is RecordLine {
  return (
    typeof line === 'object' &&
    line !== null &&
    ['base', 'epoch', 'epochs', 'length', 'ending', 'closed'].every((field) => field in line)
  );
}
