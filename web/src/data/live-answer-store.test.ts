import { describe, expect, it } from 'vitest';
import type { AnswerEvent } from '../../../client/answer-event.ts';
import { createLiveAnswerStore } from './live-answer-store.ts';

function setUp() {
  const frames: (() => void)[] = [];
  const ended: string[] = [];
  const readers = new Map<string, { emit(event: AnswerEvent): void; finish(): void; signal: AbortSignal }>();
  const store = createLiveAnswerStore({
    follow(id, { signal, onEvent }) {
      const { promise, resolve } = Promise.withResolvers<void>();
      readers.set(id, { emit: onEvent, finish: resolve, signal });
      return promise;
    },
    nextFrame: (callback) => void frames.push(callback),
    now: () => 1_000,
    onEnd: (id) => void ended.push(id),
  });
  const text = (token: string): AnswerEvent => ({
    type: 'text',
    token,
    cursor: { epoch: 1, at: { text: 0, reasoning: 0 } },
  });
  return { store, readers, frames, ended, text };
}

describe('the store of live answers', () => {
  it('tells its readers once a frame, however much has come', () => {
    const { store, readers, frames, text } = setUp();
    let told = 0;
    store.subscribe('a', 0, () => {
      told += 1;
    });
    for (const token of ['one ', 'two ', 'three']) readers.get('a')?.emit(text(token));
    expect(told).toBe(0);
    expect(store.get('a')?.text).toBe('');
    expect(frames).toHaveLength(1);
    frames.shift()?.();
    expect(told).toBe(1);
    expect(store.get('a')?.text).toBe('one two three');
  });

  it('leaves readers of other answers alone', () => {
    const { store, readers, frames, text } = setUp();
    let toldB = 0;
    store.subscribe('a', 0, () => {});
    store.subscribe('b', 0, () => {
      toldB += 1;
    });
    readers.get('a')?.emit(text('x'));
    frames.shift()?.();
    expect(toldB).toBe(0);
  });

  it('follows an answer once for all its readers, and says when it has ended', async () => {
    const { store, readers, ended } = setUp();
    store.subscribe('a', 0, () => {});
    const first = readers.get('a');
    const leave = store.subscribe('a', 0, () => {});
    expect(readers.get('a')).toBe(first);
    leave();
    expect(first?.signal.aborted).toBe(false);
    first?.finish();
    await new Promise(setImmediate);
    expect(ended).toEqual(['a']);
  });
});
