import type { GenerationId } from '../ports/generations.ts';
import type {
  Append,
  AppendOutcome,
  Attachment,
  Frame,
  LogSnapshot,
  OpenHow,
  OpenOutcome,
  TokenLog,
} from '../ports/token-log.ts';
import { type Cursor, commonPosition, type Position, START } from '../protocol/position.ts';
import { TokenLogFollowers } from './token-log-followers.ts';
import { decideAppend, decideClose, decideOpen, type LogBytes, type LogRecord, NO_BYTES } from './token-log-record.ts';

/** The bytes of a log are gone without its being told so (somebody deleted them): the store has forgotten it. */
export class LogLostError extends Error {}

/**
 * Where the logs of one process are kept. Every method is synchronous, so that a decision and what it
 * decides are one step; one that throws has changed nothing, unless it is a {@link LogLostError}.
 */
export interface LogStore {
  record(id: GenerationId): LogRecord | null;
  /** The record with other bytes than there were, or with the first. */
  replace(id: GenerationId, record: LogRecord, bytes: LogBytes): void;
  /** The record with the same bytes. */
  update(id: GenerationId, record: LogRecord): void;
  /** The record with these bytes behind those there are. */
  extend(id: GenerationId, record: LogRecord, bytes: LogBytes): void;
  /** From a position to the end; nothing of a channel that ends before it. */
  read(id: GenerationId, from: Position): LogBytes;
  remove(id: GenerationId): void;
  stats(): { logs: number; bytes: number };
}

/** A token log whose writers and readers share one process. */
export class InProcessTokenLog implements TokenLog {
  readonly #store: LogStore;
  readonly #followers: TokenLogFollowers;

  constructor(store: LogStore, followers = new TokenLogFollowers()) {
    this.#store = store;
    this.#followers = followers;
  }

  async open(id: GenerationId, epoch: number, how: OpenHow = { kind: 'continue' }): Promise<OpenOutcome> {
    const outcome = unlessLost(() => this.#open(id, epoch, how)) ?? this.#open(id, epoch, how);
    if (outcome.kind === 'opened') this.#followers.tell(id, { kind: 'opened', epoch, at: outcome.epochs.at(-1)!.at });
    return outcome;
  }

  #open(id: GenerationId, epoch: number, how: OpenHow): OpenOutcome {
    const decision = decideOpen(this.#store.record(id), epoch, how);
    if (decision.kind === 'refused') return decision;
    const { record, replaces } = decision;
    const { text, reasoning } = replaces ?? this.#store.read(id, START.at);
    if (replaces) this.#store.replace(id, record, replaces);
    else this.#store.update(id, record);
    return { kind: 'opened', text, reasoning, epochs: record.epochs, ending: record.ending };
  }

  /** One that cannot be written does not keep the others of its batch from being written. */
  async append(batch: readonly Append[]): Promise<readonly AppendOutcome[]> {
    const failures: unknown[] = [];
    const outcomes: AppendOutcome[] = [];
    for (const append of batch) {
      try {
        outcomes.push(unlessLost(() => this.#append(append)) ?? this.#append(append));
      } catch (failure) {
        failures.push(failure);
      }
    }
    if (failures.length > 0) throw failures[0];
    return outcomes;
  }

  #append(append: Append): AppendOutcome {
    const { id, epoch, at, text, reasoning } = append;
    const decision = decideAppend(this.#store.record(id), append);
    if (decision.kind === 'refused') return decision;
    this.#store.extend(id, decision.record, append);
    const followers = this.#followers.count(id);
    if (text.length + reasoning.length > 0) this.#followers.tell(id, { kind: 'bytes', epoch, at, text, reasoning });
    return { kind: 'appended', followers };
  }

  async attach(id: GenerationId, from: Cursor, onFrame: (frame: Frame) => void): Promise<Attachment> {
    const snapshot = unlessLost(() => this.#snapshot(id, from));
    return { snapshot, detach: this.#followers.add(id, onFrame) };
  }

  #snapshot(id: GenerationId, cursor: Cursor): LogSnapshot | null {
    const record = this.#store.record(id);
    if (!record) return null;
    const { epoch, epochs, closed } = record;
    if (cursor.epoch > epoch) return { epoch, epochs, closed, from: cursor.at, ...NO_BYTES };
    const from = commonPosition(cursor, epochs);
    return { epoch, epochs, closed, from, ...this.#store.read(id, from) };
  }

  async close(id: GenerationId, epoch: number): Promise<void> {
    const record = this.#store.record(id);
    if (!record) return this.#followers.tell(id, { kind: 'gap' });
    const decision = decideClose(record, epoch);
    if (decision.kind === 'ignored') return;
    if (decision.kind === 'remove') return this.remove(id);
    const closed = unlessLost(() => {
      this.#store.update(id, decision.record);
      return { kind: 'closed', epoch, length: record.length } as const;
    });
    this.#followers.tell(id, closed ?? { kind: 'gap' });
  }

  async remove(id: GenerationId): Promise<void> {
    this.#store.remove(id);
    this.#followers.tell(id, { kind: 'gap' });
  }

  async stats(): Promise<{ logs: number; followers: number; bytes: number }> {
    return { ...this.#store.stats(), followers: this.#followers.total };
  }
}

/** Null where the log was lost: it is then as if it had never been. */
function unlessLost<T>(act: () => T): T | null {
  try {
    return act();
  } catch (error) {
    if (error instanceof LogLostError) return null;
    throw error;
  }
}
