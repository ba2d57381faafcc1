import type { Receipt } from '../src/protocol/generation.ts';
import { type Cursor, START } from '../src/protocol/position.ts';
import type { AnswerEvent } from './answer-event.ts';
import { utf8Prefix } from './utf8-text.ts';

export type AnswerPhase =
  /** `position`: others ahead in the lane; null until the server has said. `told`: when it did; milliseconds. */
  | { kind: 'waiting'; position: number | null; estimateSeconds: number | null; told: number }
  | { kind: 'reading' }
  | { kind: 'reasoning' }
  | { kind: 'writing' }
  /** `before` is where it goes on from once a connection stands. */
  | { kind: 'reconnecting'; attempt: number; online: boolean; before: LivePhase }
  | { kind: 'ended' };

export type LivePhase = Exclude<AnswerPhase, { kind: 'reconnecting' | 'ended' }>;

/** Milliseconds by the caller's clock; null where it has not happened or was not seen. */
export type AnswerMarks = {
  accepted: number;
  /** When we began to look. */
  followed: number;
  started: number | null;
  firstToken: number | null;
  ended: number | null;
  /** The answer was being written already when we began to look: `started` and `firstToken` are not its own. */
  joinedLate: boolean;
};

/** What was written before we looked comes all at once. */
const REPLAY_MS = 500;
const LATE_MS = 1_000;

export type AnswerState = {
  text: string;
  reasoning: string;
  /** Its `at` is the length of `text` and `reasoning` in bytes. */
  cursor: Cursor;
  phase: AnswerPhase;
  model: string | null;
  marks: AnswerMarks;
  /** Connections that were lost and found again. */
  resumed: number;
  /** How often another process went on with the answer while we looked. */
  takeovers: number;
  error: { code: string; message: string } | null;
  receipt: Receipt | null;
};

export function initialAnswer(acceptedAt: number, followedAt: number = acceptedAt): AnswerState {
  return {
    text: '',
    reasoning: '',
    cursor: START,
    phase: { kind: 'waiting', position: null, estimateSeconds: null, told: followedAt },
    model: null,
    marks: {
      accepted: acceptedAt,
      followed: followedAt,
      started: null,
      firstToken: null,
      ended: null,
      joinedLate: false,
    },
    resumed: 0,
    takeovers: 0,
    error: null,
    receipt: null,
  };
}

/** Pure: the same events give the same state. `at` is the moment the event came. */
export function reduceAnswer(state: AnswerState, event: AnswerEvent, at: number): AnswerState {
  switch (event.type) {
    case 'connected':
      if (state.phase.kind !== 'reconnecting') return state;
      return { ...state, phase: state.phase.before, resumed: state.resumed + 1 };
    case 'disconnected': {
      if (state.phase.kind === 'ended') return state;
      const before = state.phase.kind === 'reconnecting' ? state.phase.before : state.phase;
      return { ...state, phase: { kind: 'reconnecting', attempt: event.attempt, online: event.online, before } };
    }
    case 'waiting':
      return moved(state, event.cursor, {
        phase: { kind: 'waiting', position: event.position, estimateSeconds: event.estimateSeconds, told: at },
      });
    case 'start': {
      const phase: AnswerPhase = state.text ? { kind: 'writing' } : { kind: 'reading' };
      const marks = { ...state.marks, started: state.marks.started ?? at };
      return moved(state, event.cursor, { model: event.model, phase, marks });
    }
    case 'text':
      return moved(state, event.cursor, {
        text: state.text + event.token,
        phase: { kind: 'writing' },
        marks: firstToken(state.marks, at),
      });
    case 'reasoning':
      return moved(state, event.cursor, {
        reasoning: state.reasoning + event.token,
        phase: { kind: 'reasoning' },
        marks: firstToken(state.marks, at),
      });
    case 'restart':
      return moved(state, event.cursor, { text: '', reasoning: '', phase: { kind: 'reading' } });
    case 'rewind': {
      const { at: held } = state.cursor;
      return moved(state, event.cursor, {
        text: utf8Prefix(state.text, held.text, event.cursor.at.text),
        reasoning: utf8Prefix(state.reasoning, held.reasoning, event.cursor.at.reasoning),
      });
    }
    case 'error':
      return moved(state, event.cursor, { error: { code: event.code, message: event.message } });
    case 'end':
      return {
        ...state,
        phase: { kind: 'ended' },
        receipt: event.receipt ?? state.receipt,
        error: event.receipt?.error ?? state.error,
        takeovers: Math.max(state.takeovers, event.receipt?.takeovers ?? 0),
        marks: { ...state.marks, ended: at },
      };
  }
}

function moved(state: AnswerState, cursor: Cursor, change: Partial<AnswerState>): AnswerState {
  // The first epoch is the first owner; every later one is another process going on.
  const passedOn = state.cursor.epoch > 0 && cursor.epoch > state.cursor.epoch;
  return { ...state, cursor, takeovers: state.takeovers + (passedOn ? 1 : 0), ...change };
}

function firstToken(marks: AnswerMarks, at: number): AnswerMarks {
  if (marks.firstToken !== null) return marks;
  const joinedLate = marks.followed - marks.accepted > LATE_MS && at - marks.followed < REPLAY_MS;
  return { ...marks, started: marks.started ?? at, firstToken: at, joinedLate };
}
