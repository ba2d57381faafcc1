import { setTimeout as sleep } from 'node:timers/promises';
import type { Inference, InferenceRequest, InferenceResult, InferenceSink } from '../../src/ports/inference.ts';
import { pacedInference } from '../../test/page/support/paced-inference.ts';

export const STREAM = 'Write for a while';
export const STREAM_SECONDS = 8;
const TOKEN_CHARS = 4;
const TICK_MS = 25;

/** Answers `STREAM` with `tokensPerSecond` by the clock for `STREAM_SECONDS`, all else at once. */
export function steadyInference(answer: string, tokensPerSecond: number): Inference {
  const rest = pacedInference({});
  const text = answer.repeat(Math.ceil((tokensPerSecond * STREAM_SECONDS * TOKEN_CHARS) / answer.length));
  return {
    ...rest,
    async generate(request: InferenceRequest, sink: InferenceSink, signal: AbortSignal): Promise<InferenceResult> {
      const asked = request.messages.findLast(({ role }) => role === 'user')?.content;
      sink.prompted(100, 0);
      let written = 0;
      const began = performance.now();
      const whole =
        asked === STREAM ? Math.floor(tokensPerSecond * STREAM_SECONDS) : Math.ceil(answer.length / TOKEN_CHARS);
      while (written < whole) {
        const due = asked === STREAM ? Math.min(whole, ((performance.now() - began) / 1000) * tokensPerSecond) : whole;
        for (; written < due; written++) {
          sink.text(text.slice(written * TOKEN_CHARS, (written + 1) * TOKEN_CHARS) || ' ', 1);
        }
        if (written < whole) await sleep(TICK_MS, undefined, { signal });
      }
      const usage = { promptTokens: 100, reusedTokens: 0, completionTokens: written };
      return { finishReason: 'stop', usage, model: 'scripted' };
    },
  };
}
