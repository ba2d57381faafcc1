import { isUtf8 } from 'node:buffer';
import type { GenerationId } from '../../ports/generations.ts';
import type { Frame } from '../../ports/token-log.ts';
import type { Position } from '../../protocol/position.ts';
import { InProcessTokenLog, type LogStore } from '../in-process-token-log.ts';
import { TokenLogFollowers } from '../token-log-followers.ts';
import { type LogBytes, type LogRecord, samePosition } from '../token-log-record.ts';
import { wholeCharacters } from '../whole-characters.ts';

type Log = LogBytes & { record: LogRecord };

/**
 * For tests and the simulation: a state store without time to live, and with the faults of one. Bytes
 * that are not whole characters are refused loudly, since whoever appends them has cut one.
 */
export class MemoryTokenLog extends InProcessTokenLog {
  readonly #logs: MemoryLogs;
  readonly #followers: DroppingFollowers;

  constructor() {
    const logs = new MemoryLogs();
    const followers = new DroppingFollowers();
    super(logs, followers);
    this.#logs = logs;
    this.#followers = followers;
  }

  /** What is there, for whoever checks it. */
  look(id: GenerationId): Readonly<Log> | null {
    return this.#logs.look(id);
  }

  /** Fault: the last `bytes` of the text (whole characters, and what was recorded after them) were never stored. */
  loseTail(id: GenerationId, bytes: number): void {
    this.#logs.loseTail(id, bytes);
  }

  /** Fault: nothing was stored. */
  loseAll(): void {
    this.#logs.fallBack(new Map());
  }

  /** Fault: the returned function puts everything back as it is now, as a failover to a late replica does. */
  checkpoint(): () => void {
    const kept = this.#logs.copy();
    return () => this.#logs.fallBack(kept);
  }

  /** Fault: until switched off, frames vanish and nobody is told. */
  dropFrames(on: boolean): void {
    this.#followers.dropping = on;
  }

  /** What followers hear when a connection for frames comes back. */
  tellGap(): void {
    this.#followers.tellAll({ kind: 'gap' });
  }

  /** Fault: nobody is known to follow any log, and nobody is told. */
  forgetFollowers(): void {
    this.#followers.clear();
  }

  /**
   * Of a store that is elsewhere: whoever writes also sends the frames, once it has the reply, and may die
   * before. They go when `tell` is called.
   */
  holdingFrames<T>(act: () => T): { result: T; tell: () => void } {
    const held = this.#followers.hold();
    try {
      return { result: act(), tell: held.release };
    } finally {
      held.end();
    }
  }
}

class DroppingFollowers extends TokenLogFollowers {
  dropping = false;
  #held: [GenerationId, Frame][] | null = null;

  override tell(id: GenerationId, frame: Frame): void {
    if (this.#held) this.#held.push([id, frame]);
    else if (!this.dropping) super.tell(id, frame);
  }

  hold(): { end: () => void; release: () => void } {
    const held: [GenerationId, Frame][] = [];
    this.#held = held;
    return {
      end: () => {
        this.#held = null;
      },
      release: () => {
        for (const [id, frame] of held.splice(0)) this.tell(id, frame);
      },
    };
  }
}

class MemoryLogs implements LogStore {
  #logs = new Map<GenerationId, Log>();

  look(id: GenerationId): Log | null {
    return this.#logs.get(id) ?? null;
  }

  record(id: GenerationId): LogRecord | null {
    return this.look(id)?.record ?? null;
  }

  replace(id: GenerationId, record: LogRecord, { text, reasoning }: LogBytes): void {
    this.#logs.set(id, { record, text: new Uint8Array(whole(text)), reasoning: new Uint8Array(whole(reasoning)) });
  }

  update(id: GenerationId, record: LogRecord): void {
    this.#logs.set(id, { ...this.#log(id), record });
  }

  extend(id: GenerationId, record: LogRecord, { text, reasoning }: LogBytes): void {
    const log = this.#log(id);
    this.#logs.set(id, { record, text: joined(log.text, text), reasoning: joined(log.reasoning, reasoning) });
  }

  read(id: GenerationId, from: Position): LogBytes {
    const { text, reasoning } = this.#log(id);
    return { text: text.slice(from.text), reasoning: reasoning.slice(from.reasoning) };
  }

  remove(id: GenerationId): void {
    this.#logs.delete(id);
  }

  stats(): { logs: number; bytes: number } {
    const logs = [...this.#logs.values()];
    return {
      logs: logs.filter(({ record }) => !record.closed).length,
      bytes: logs.reduce((sum, { text, reasoning }) => sum + text.length + reasoning.length, 0),
    };
  }

  copy(): ReadonlyMap<GenerationId, Log> {
    return new Map(this.#logs);
  }

  fallBack(logs: ReadonlyMap<GenerationId, Log>): void {
    this.#logs = new Map(logs);
  }

  loseTail(id: GenerationId, bytes: number): void {
    const log = this.#logs.get(id);
    if (!log) return;
    const left = log.text.subarray(0, Math.max(0, log.text.length - bytes));
    const text = left.slice(0, wholeCharacters(left));
    const length = { text: text.length, reasoning: log.reasoning.length };
    if (samePosition(length, log.record.length)) return;
    const epochs = log.record.epochs.filter(({ at }) => at.text <= length.text);
    const epoch = epochs.at(-1)?.epoch;
    if (epoch === undefined) this.#logs.delete(id);
    else this.#logs.set(id, { ...log, text, record: { epoch, epochs, length, ending: null, closed: false } });
  }

  #log(id: GenerationId): Log {
    const log = this.#logs.get(id);
    if (!log) throw new Error(`There is no token log ${id}.`);
    return log;
  }
}

function joined(there: Uint8Array, more: Uint8Array): Uint8Array {
  if (more.length === 0) return there;
  const both = new Uint8Array(there.length + more.length);
  both.set(there);
  both.set(whole(more), there.length);
  return both;
}

function whole(bytes: Uint8Array): Uint8Array {
  if (!isUtf8(bytes)) throw new TypeError('A token log takes whole characters only.');
  return bytes;
}
