/** Grows by half each time and is spread over half its length, so that many readers do not come back at once. */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(MAX_MS, FIRST_MS * 1.6 ** Math.max(0, attempt - 1));
  return ceiling * (0.5 + random() * 0.5);
}

const FIRST_MS = 300;
const MAX_MS = 5_000;

/** Resolves after `ms`, or at once when `wake` or the signal is aborted. */
export function pause(ms: number, signal: AbortSignal, wake?: AbortSignal): Promise<void> {
  const any = wake ? AbortSignal.any([signal, wake]) : signal;
  return new Promise((resolve) => {
    if (any.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      any.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    any.addEventListener('abort', done);
  });
}
