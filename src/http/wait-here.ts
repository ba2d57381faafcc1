import { waitForAnswer } from '../core/wait-for-answer.ts';
import type { Generation } from '../ports/generations.ts';
import type { Http } from './http.ts';

/** Why an answer was not waited for to its end. */
export type Unwaited = 'late' | 'closing' | 'client-gone';

/** Until the answer is there, the time is up, the server closes or the client hangs up. */
export async function waitHere(
  http: Http,
  response: { once(event: 'close', listener: () => void): unknown },
  generation: Generation,
  timeoutMs: number,
): Promise<Generation | Unwaited> {
  if (http.closing.aborted) return 'closing';
  const waiting = new AbortController();
  const stop = (why: Unwaited) => () => waiting.abort(why);
  const timer = setTimeout(stop('late'), timeoutMs);
  const onClosing = stop('closing');
  http.closing.addEventListener('abort', onClosing, { once: true });
  response.once('close', stop('client-gone'));
  try {
    const { ports, follow } = http.deps;
    return await waitForAnswer(ports, follow, generation, waiting.signal);
  } catch (error) {
    if (waiting.signal.aborted) return waiting.signal.reason as Unwaited;
    throw error;
  } finally {
    clearTimeout(timer);
    http.closing.removeEventListener('abort', onClosing);
  }
}
