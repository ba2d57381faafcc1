import type { AnswerEvent } from '../../../client/answer-event.ts';
import { type AnswerState, initialAnswer, reduceAnswer } from '../../../client/answer-state.ts';

export type FollowAnswer = (
  id: string,
  how: { signal: AbortSignal; onEvent(event: AnswerEvent): void },
) => Promise<void>;

export type LiveAnswerDeps = {
  follow: FollowAnswer;
  /** Calls back at the next frame; hidden pages draw none, so the caller gives it a time limit too. */
  nextFrame(callback: () => void): void;
  now(): number;
  /** The answer has ended, or cannot be followed any more; its stored form is the one to show. */
  onEnd(id: string): void;
};

/** Answers being made, outside React: events are applied as they come, readers are told once a frame. */
export type LiveAnswerStore = {
  /** Follows from the first subscriber on; `acceptedAt` is when the answer began to be waited for. */
  subscribe(id: string, acceptedAt: number, listener: () => void): () => void;
  get(id: string): AnswerState | null;
};

/** A component that is replaced unsubscribes before its successor subscribes. */
const LINGER_MS = 1_000;

type Entry = {
  state: AnswerState;
  shown: AnswerState;
  listeners: Set<() => void>;
  reading: AbortController;
  linger: ReturnType<typeof setTimeout> | null;
};

export function createLiveAnswerStore({ follow, nextFrame, now, onEnd }: LiveAnswerDeps): LiveAnswerStore {
  const entries = new Map<string, Entry>();
  let scheduled = false;

  function flush(): void {
    scheduled = false;
    for (const entry of entries.values()) {
      if (entry.shown === entry.state) continue;
      entry.shown = entry.state;
      for (const listener of entry.listeners) listener();
    }
  }

  function begin(id: string, acceptedAt: number): Entry {
    const state = initialAnswer(acceptedAt, now());
    const entry: Entry = { state, shown: state, listeners: new Set(), reading: new AbortController(), linger: null };
    entries.set(id, entry);
    const onEvent = (event: AnswerEvent): void => {
      entry.state = reduceAnswer(entry.state, event, now());
      if (scheduled) return;
      scheduled = true;
      nextFrame(flush);
    };
    follow(id, { signal: entry.reading.signal, onEvent })
      // The stored form says why there is nothing to follow.
      .catch(() => {})
      .finally(() => {
        if (!entry.reading.signal.aborted) onEnd(id);
      });
    return entry;
  }

  return {
    subscribe(id, acceptedAt, listener) {
      const entry = entries.get(id) ?? begin(id, acceptedAt);
      if (entry.linger) clearTimeout(entry.linger);
      entry.linger = null;
      entry.listeners.add(listener);
      return () => {
        entry.listeners.delete(listener);
        if (entry.listeners.size > 0) return;
        entry.linger = setTimeout(() => {
          entry.reading.abort();
          entries.delete(id);
        }, LINGER_MS);
      };
    },
    get: (id) => entries.get(id)?.shown ?? null,
  };
}
