import type { FinishReason, Usage } from '../protocol/generation.ts';
import type { Cursor, EpochStart, Position } from '../protocol/position.ts';
import type { GenerationId } from './generations.ts';

/**
 * The answer so far, as UTF-8 bytes and nothing else, one string per channel; beside it a small
 * record: epoch, where each epoch began, complete or closed. It is what a reader resumes from, what a
 * takeover continues from, and equal to what PostgreSQL stores at the end.
 *
 * - Fencing: only the epoch that opened last may append.
 * - Idempotence: an append names its position, so a retry is refused with the true one, never doubled.
 * - Order: a follower never sees bytes that the log lacks, and no byte twice or out of place.
 * - Losing a log (or its tail) costs its readers seconds; an owner puts it back from its buffer.
 * - Appended bytes are whole characters. A log cut inside one by a crash is cut back when opened.
 */
export interface TokenLog {
  /**
   * Fences every older epoch. Plain: returns what there is and records that this epoch begins at the end
   * (a log closed before is open again). With `restore`: a living owner puts back the text and the epochs
   * of its buffer, at its own epoch. With `fresh`: this epoch begins at 0 and the text is dropped.
   * Refused where a newer epoch, or this same one from another opening, stands there: claim again above it.
   */
  open(id: GenerationId, epoch: number, how?: OpenHow): Promise<OpenOutcome>;

  /**
   * One outcome for each, in order; rejects where there is none for any. Followers have been sent the bytes,
   * or will be told of a gap.
   */
  append(batch: readonly Append[]): Promise<readonly AppendOutcome[]>;

  /**
   * Registers a follower and returns what it lacks, in one step: no lost and no doubled window between
   * the two. `onFrame` is called synchronously and must not throw. Null: there is no such log; the
   * follower is registered all the same and hears of its opening.
   */
  attach(id: GenerationId, from: Cursor, onFrame: (frame: Frame) => void): Promise<Attachment>;

  /**
   * The answer is stored: readers that have it all may end. Only the epoch that stands closes; an older
   * one is ignored. A later one never wrote here, so the text is not its answer: the log is removed.
   * Followers of a log that is gone are told of a gap.
   */
  close(id: GenerationId, epoch: number): Promise<void>;

  /** Forgets it, as its time to live does. Followers are told of a gap. */
  remove(id: GenerationId): Promise<void>;

  /** Open logs, their followers, and bytes held. */
  stats(): Promise<{ logs: number; followers: number; bytes: number }>;
}

export type OpenHow =
  | { kind: 'continue' }
  | { kind: 'fresh' }
  | { kind: 'restore'; text: Uint8Array; reasoning: Uint8Array; epochs: readonly EpochStart[] };

export type Ending = { finishReason: FinishReason; usage: Usage; model: string };

export type OpenOutcome =
  | {
      kind: 'opened';
      text: Uint8Array;
      reasoning: Uint8Array;
      epochs: readonly EpochStart[];
      /** Set where an earlier owner appended the last byte: only finish, never ask the model to go on. */
      ending: Ending | null;
    }
  | { kind: 'refused'; epoch: number };

export type Append = {
  id: GenerationId;
  epoch: number;
  /** Where these bytes go: the length of each channel before them. */
  at: Position;
  text: Uint8Array;
  reasoning: Uint8Array;
  /** With the last bytes (which may be none), in the same step. */
  ending?: Ending;
};

export type AppendOutcome =
  | { kind: 'appended'; followers: number }
  /** The epoch and lengths that stand there; `epoch: 0` where the log is gone. */
  | { kind: 'refused'; epoch: number; at: Position; closed: boolean }
  /**
   * Where this log is kept could not be reached (in time), while that of others could: not known whether
   * it was appended. Send it again: if it was, that is refused with the true position.
   */
  | { kind: 'failed'; error: unknown };

/** What a follower hears. A follower that cannot fit a frame to its own text attaches again. */
export type Frame =
  | { kind: 'opened'; epoch: number; at: Position }
  | { kind: 'bytes'; epoch: number; at: Position; text: Uint8Array; reasoning: Uint8Array }
  | { kind: 'closed'; epoch: number; length: Position }
  /** Something may have been missed. */
  | { kind: 'gap' };

export interface Attachment {
  readonly snapshot: LogSnapshot | null;
  detach(): void;
}

export type LogSnapshot = {
  epoch: number;
  epochs: readonly EpochStart[];
  /**
   * The last position that the reader shares with the log (commonPosition); the bytes start here. A reader
   * ahead of the log (its epoch is newer, or its position past the end: a tail was lost) stays where it
   * is, without bytes: they come when the owner puts them back.
   */
  from: Position;
  text: Uint8Array;
  reasoning: Uint8Array;
  closed: boolean;
};
