import { useCallback, useSyncExternalStore } from 'react';
import type { AnswerState } from '../../../client/answer-state.ts';
import { createPacedFrames } from '../lib/paced-frames.ts';
import { client } from './client.ts';
import { createLiveAnswerStore } from './live-answer-store.ts';
import { answerEnded } from './message-cache.ts';

/** A page in the background draws no frames; its answers still arrive. */
const HIDDEN_FLUSH_MS = 500;

const inFrame = createPacedFrames();

const store = createLiveAnswerStore({
  follow: (id, how) => client.follow(id, how),
  nextFrame(callback) {
    if (document.hidden) setTimeout(callback, HIDDEN_FLUSH_MS);
    else inFrame(callback);
  },
  now: () => Date.now(),
  onEnd: (id) => void answerEnded(id),
});

/** The live state of an answer; null where it is not followed because `pending` is false. */
export function useLiveAnswer(id: string, pending: boolean, acceptedAt: number): AnswerState | null {
  const subscribe = useCallback(
    (listener: () => void) => (pending ? store.subscribe(id, acceptedAt, listener) : () => {}),
    [id, pending, acceptedAt],
  );
  return useSyncExternalStore(subscribe, () => (pending ? store.get(id) : null));
}
