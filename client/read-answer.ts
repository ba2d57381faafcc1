import { type AnswerState, initialAnswer, reduceAnswer } from './answer-state.ts';
import type { FollowOptions } from './follow.ts';

export type AnswerOptions = {
  /** Ends the reading, not the answer. */
  signal?: AbortSignal;
  onChange?: (answer: AnswerState) => void;
};

/** One answer, put together from its events. */
export async function readAnswer(
  follow: (options: FollowOptions) => Promise<void>,
  { signal = new AbortController().signal, onChange = () => {} }: AnswerOptions,
): Promise<AnswerState> {
  let answer = initialAnswer(Date.now());
  await follow({
    signal,
    onEvent(event) {
      answer = reduceAnswer(answer, event, Date.now());
      onChange(answer);
    },
  });
  return answer;
}
