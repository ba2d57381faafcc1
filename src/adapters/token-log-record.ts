import type { Append, Ending, OpenHow } from '../ports/token-log.ts';
import { type EpochStart, type Position, START } from '../protocol/position.ts';

/**
 * What stands beside the bytes of one log, and every decision about it: data in, data out. Adapters
 * hold the bytes and carry the decisions out.
 */
export type LogRecord = {
  /** The epoch that opened last: the only one that may append. */
  epoch: number;
  epochs: readonly EpochStart[];
  length: Position;
  /** Holds at exactly `length`: once another byte follows, it was not the end. */
  ending: Ending | null;
  closed: boolean;
};

export type OpenDecision =
  | { kind: 'refused'; epoch: number }
  /** `replaces`: the bytes that go with the record where they are not those that stand there. */
  | { kind: 'opened'; record: LogRecord; at: Position; replaces: LogBytes | null };

export type LogBytes = { text: Uint8Array; reasoning: Uint8Array };

export type AppendDecision =
  | { kind: 'appended'; record: LogRecord }
  | { kind: 'refused'; epoch: number; at: Position; closed: boolean };

export type CloseDecision = { kind: 'closed'; record: LogRecord } | { kind: 'remove' } | { kind: 'ignored' };

export const NO_BYTES: LogBytes = { text: new Uint8Array(0), reasoning: new Uint8Array(0) };

export function decideOpen(record: LogRecord | null, epoch: number, how: OpenHow): OpenDecision {
  if (record && record.epoch >= epoch) return { kind: 'refused', epoch: record.epoch };
  if (how.kind === 'restore') return restored(epoch, how);
  const epochs = record?.epochs ?? [];
  if (how.kind === 'fresh' || !record) {
    const begun = {
      epoch,
      epochs: [...epochs, { epoch, at: START.at }],
      length: START.at,
      ending: null,
      closed: false,
    };
    return { kind: 'opened', record: begun, at: START.at, replaces: NO_BYTES };
  }
  const at = record.length;
  const continued = { ...record, epoch, epochs: [...epochs, { epoch, at }], closed: false };
  return { kind: 'opened', record: continued, at, replaces: null };
}

function restored(epoch: number, how: OpenHow & { kind: 'restore' }): OpenDecision {
  const own = how.epochs.at(-1);
  if (own?.epoch !== epoch) throw new TypeError(`restore at epoch ${epoch}: the last of its epochs is ${own?.epoch}`);
  const length = { text: how.text.length, reasoning: how.reasoning.length };
  return {
    kind: 'opened',
    record: { epoch, epochs: how.epochs, length, ending: null, closed: false },
    at: own.at,
    replaces: { text: how.text, reasoning: how.reasoning },
  };
}

export function decideAppend(record: LogRecord | null, append: Append): AppendDecision {
  if (!record) return { kind: 'refused', epoch: 0, at: START.at, closed: false };
  const { epoch, length, closed } = record;
  if (epoch !== append.epoch || closed || !samePosition(length, append.at)) {
    return { kind: 'refused', epoch, at: length, closed };
  }
  const grown = { text: length.text + append.text.length, reasoning: length.reasoning + append.reasoning.length };
  const ending = append.ending ?? (samePosition(grown, length) ? record.ending : null);
  return { kind: 'appended', record: { ...record, length: grown, ending } };
}

/** A later epoch than the one that stands never wrote here, so this text is not its answer. */
export function decideClose(record: LogRecord, epoch: number): CloseDecision {
  if (epoch > record.epoch) return { kind: 'remove' };
  if (epoch < record.epoch || record.closed) return { kind: 'ignored' };
  return { kind: 'closed', record: { ...record, closed: true } };
}

export function samePosition(a: Position, b: Position): boolean {
  return a.text === b.text && a.reasoning === b.reasoning;
}
