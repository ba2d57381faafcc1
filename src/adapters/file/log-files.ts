import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../ports/clock.ts';
import type { GenerationId } from '../../ports/generations.ts';
import type { Position } from '../../protocol/position.ts';
import { LogLostError, type LogStore } from '../in-process-token-log.ts';
import { type LogBytes, type LogRecord, samePosition } from '../token-log-record.ts';
import { CHANNELS, channelFile, type LoadedLog, loadLogs, recordFile, recordLine } from './log-folder.ts';

/** Neither read nor changed by other users of the machine. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/**
 * Per log: a record file of one JSON line per change, the last of which counts, and a file of plain
 * bytes per channel. A record line names the length at which it holds and the files (`base`) it speaks of:
 * - it is written before the bytes it announces, so an ending counts only once they are all there;
 * - other bytes (fresh, restore) are written to files of their own first, and the line switches to them.
 */
export class LogFiles implements LogStore {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #logs: Map<GenerationId, LoadedLog>;
  readonly #descriptors: LRUCache<string, number>;

  constructor(folder: string, clock: Clock, maxOpenFiles: number) {
    this.#folder = folder;
    this.#clock = clock;
    this.#descriptors = new LRUCache({ max: maxOpenFiles, dispose: (descriptor) => closeSync(descriptor) });
    mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
    this.#logs = loadLogs(folder);
  }

  record(id: GenerationId): LogRecord | null {
    return this.#logs.get(id)?.record ?? null;
  }

  replace(id: GenerationId, record: LogRecord, bytes: LogBytes): void {
    this.#forgetIfLost(id, () => this.#replace(id, record, bytes));
  }

  #replace(id: GenerationId, record: LogRecord, bytes: LogBytes): void {
    const before = this.#logs.get(id);
    const base = record.epoch;
    const log = { record, base, recordBytes: before?.recordBytes ?? 0, touchedAt: this.#clock.now() };
    this.#discard(id, base);
    try {
      for (const channel of CHANNELS) this.#write(channelFile(id, base, channel), bytes[channel], 0);
      log.recordBytes = this.#writeRecord(id, log);
    } catch (failure) {
      this.#discard(id, base);
      throw failure;
    }
    this.#logs.set(id, log);
    if (before) this.#discard(id, before.base);
  }

  update(id: GenerationId, record: LogRecord): void {
    const log = { ...this.#log(id), record, touchedAt: this.#clock.now() };
    log.recordBytes = this.#forgetIfLost(id, () => this.#writeRecord(id, log));
    this.#logs.set(id, log);
    if (record.closed) this.#closeDescriptors(id, log.base);
  }

  extend(id: GenerationId, record: LogRecord, bytes: LogBytes): void {
    this.#forgetIfLost(id, () => this.#extend(id, record, bytes));
  }

  #extend(id: GenerationId, record: LogRecord, bytes: LogBytes): void {
    const before = this.#log(id);
    const log = { ...before, record, touchedAt: this.#clock.now() };
    try {
      const endsAnew = record.ending !== before.record.ending || !samePosition(record.length, before.record.length);
      if (record.ending && endsAnew) log.recordBytes = this.#writeRecord(id, log);
      this.#write(channelFile(id, log.base, 'reasoning'), bytes.reasoning, before.record.length.reasoning);
      this.#write(channelFile(id, log.base, 'text'), bytes.text, before.record.length.text);
    } catch (failure) {
      if (failure instanceof LogLostError) throw failure;
      if (bytes.reasoning.length > 0) {
        this.#cut(channelFile(id, log.base, 'reasoning'), before.record.length.reasoning);
      }
      if (log.recordBytes > before.recordBytes) this.#cut(recordFile(id), before.recordBytes);
      throw failure;
    }
    this.#logs.set(id, log);
  }

  read(id: GenerationId, from: Position): LogBytes {
    const { base, record } = this.#log(id);
    const read = (channel: keyof Position) =>
      this.#read(channelFile(id, base, channel), from[channel], record.length[channel]);
    return this.#forgetIfLost(id, () => ({ text: read('text'), reasoning: read('reasoning') }));
  }

  remove(id: GenerationId): void {
    const log = this.#logs.get(id);
    if (!log) return;
    this.#unlink(recordFile(id));
    this.#discard(id, log.base);
    this.#logs.delete(id);
  }

  stats(): { logs: number; bytes: number } {
    let logs = 0;
    let bytes = 0;
    for (const { record } of this.#logs.values()) {
      if (!record.closed) logs++;
      bytes += record.length.text + record.length.reasoning;
    }
    return { logs, bytes };
  }

  untouchedFor(closedMs: number, openMs: number): GenerationId[] {
    const now = this.#clock.now();
    return [...this.#logs]
      .filter(([, { record, touchedAt }]) => now - touchedAt >= (record.closed ? closedMs : openMs))
      .map(([id]) => id);
  }

  closeAll(): void {
    this.#descriptors.clear();
  }

  #forgetIfLost<T>(id: GenerationId, act: () => T): T {
    try {
      return act();
    } catch (error) {
      if (error instanceof LogLostError) this.remove(id);
      throw error;
    }
  }

  #log(id: GenerationId): LoadedLog {
    const log = this.#logs.get(id);
    if (!log) throw new Error(`There is no token log ${id}.`);
    return log;
  }

  #writeRecord(id: GenerationId, log: LoadedLog): number {
    const line = recordLine(log);
    this.#write(recordFile(id), line, log.recordBytes);
    return log.recordBytes + line.length;
  }

  /** All of it at `position`, or the file as it was. */
  #write(file: string, bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return;
    try {
      const descriptor = this.#descriptor(file, position);
      for (let written = 0; written < bytes.length; ) {
        written += writeSync(descriptor, bytes, written, bytes.length - written, position + written);
      }
    } catch (cause) {
      if (cause instanceof LogLostError) throw cause;
      this.#cut(file, position);
      const reason = (cause as NodeJS.ErrnoException).code ?? 'unknown reason';
      throw new Error(`The token log ${join(this.#folder, file)} cannot be written: ${reason}.`, { cause });
    }
  }

  #read(file: string, from: number, to: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, to - from));
    for (let read = 0; read < bytes.length; ) {
      const more = readSync(this.#descriptor(file, to), bytes, read, bytes.length - read, from + read);
      if (more === 0) throw new LogLostError(`The token log ${join(this.#folder, file)} is shorter than it was.`);
      read += more;
    }
    return bytes;
  }

  /** After a failed write. Where even this fails, the next write begins at the same place all the same. */
  #cut(file: string, length: number): void {
    try {
      ftruncateSync(this.#descriptor(file, length), length);
    } catch (cause) {
      process.emitWarning(new Error(`The token log ${join(this.#folder, file)} cannot be cut back.`, { cause }));
    }
  }

  /** Of a file with at least `size` bytes; one that needs none is made. */
  #descriptor(file: string, size: number): number {
    const open = this.#descriptors.get(file);
    if (open !== undefined) return open;
    const descriptor = this.#open(file, size === 0 ? constants.O_CREAT : 0);
    this.#descriptors.set(file, descriptor);
    // Written on behind its end, it would have a hole of zeros.
    if (size > 0 && fstatSync(descriptor).size < size) {
      throw new LogLostError(`The token log ${join(this.#folder, file)} is shorter than it was.`);
    }
    return descriptor;
  }

  #open(file: string, flags: number): number {
    const path = join(this.#folder, file);
    try {
      return openSync(path, constants.O_RDWR | flags, FILE_MODE);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
      if (flags === 0) throw new LogLostError(`The token log ${path} is gone.`, { cause });
      mkdirSync(this.#folder, { recursive: true, mode: FOLDER_MODE });
      return openSync(path, constants.O_RDWR | flags, FILE_MODE);
    }
  }

  #discard(id: GenerationId, base: number): void {
    for (const channel of CHANNELS) this.#unlink(channelFile(id, base, channel));
  }

  #unlink(file: string): void {
    this.#descriptors.delete(file);
    rmSync(join(this.#folder, file), { force: true });
  }

  #closeDescriptors(id: GenerationId, base: number): void {
    this.#descriptors.delete(recordFile(id));
    for (const channel of CHANNELS) this.#descriptors.delete(channelFile(id, base, channel));
  }
}
