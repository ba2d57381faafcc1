import { describe, expect, it } from 'vitest';
import type { AnswerEvent } from './answer-event.ts';
import { type AnswerState, initialAnswer, reduceAnswer } from './answer-state.ts';
import { RECEIPT } from './scripted-fetch.ts';

const at = (epoch: number, text: number, reasoning = 0) => ({ epoch, at: { text, reasoning } });

function stateAfter(events: readonly [at: number, event: AnswerEvent][], from = initialAnswer(0)): AnswerState {
  return events.reduce((state, [moment, event]) => reduceAnswer(state, event, moment), from);
}

const WAITING: AnswerEvent = { type: 'waiting', position: 2, estimateSeconds: 8, cursor: at(0, 0) };
const START: AnswerEvent = { type: 'start', model: 'tiny', cursor: at(1, 0) };
const TEXT: AnswerEvent = { type: 'text', token: 'Hi', cursor: at(1, 2) };

describe('the state of an answer', () => {
  it('passes from waiting over reading, thinking and writing to its end, and marks when', () => {
    let state = stateAfter([[10, WAITING]]);
    expect(state.phase).toEqual({ kind: 'waiting', position: 2, estimateSeconds: 8, told: 10 });
    state = stateAfter([[100, START]], state);
    expect(state.phase).toEqual({ kind: 'reading' });
    state = stateAfter([[200, { type: 'reasoning', token: 'hm', cursor: at(1, 0, 2) }]], state);
    expect(state.phase).toEqual({ kind: 'reasoning' });
    state = stateAfter([[300, { type: 'text', token: 'Hi', cursor: at(1, 2, 2) }]], state);
    expect(state.phase).toEqual({ kind: 'writing' });
    state = stateAfter([[400, { type: 'end', receipt: RECEIPT }]], state);
    expect(state).toMatchObject({ phase: { kind: 'ended' }, text: 'Hi', reasoning: 'hm', receipt: RECEIPT });
    expect(state.marks).toMatchObject({ started: 100, firstToken: 200, ended: 400, joinedLate: false });
  });

  it('goes back to what it did once the connection is found again', () => {
    const lost: AnswerEvent = { type: 'disconnected', attempt: 1, online: true };
    const state = stateAfter([
      [1, START],
      [2, lost],
      [3, { ...lost, attempt: 2 }],
    ]);
    expect(state.phase).toEqual({ kind: 'reconnecting', attempt: 2, online: true, before: { kind: 'reading' } });
    const found = stateAfter([[4, { type: 'connected', attempt: 2 }]], state);
    expect(found).toMatchObject({ phase: { kind: 'reading' }, resumed: 1 });
  });

  it('counts owners that went on with it, and not the first', () => {
    expect(stateAfter([[1, START]]).takeovers).toBe(0);
    expect(
      stateAfter([
        [1, START],
        [2, TEXT],
        [3, { type: 'start', model: 'tiny', cursor: at(2, 2) }],
      ]).takeovers,
    ).toBe(1);
  });

  it('does not claim to know when an answer began that was being written before it was looked at', () => {
    const late = initialAnswer(0, 5_000);
    expect(
      stateAfter(
        [
          [5_050, START],
          [5_060, TEXT],
        ],
        late,
      ).marks.joinedLate,
    ).toBe(true);
    expect(
      stateAfter(
        [
          [5_050, WAITING],
          [8_000, START],
          [8_500, TEXT],
        ],
        late,
      ).marks.joinedLate,
    ).toBe(false);
  });
});
