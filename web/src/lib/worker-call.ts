type Reply<Output> = { id: number; output: Output | null };

/**
 * Calls into a worker that is started at the first call. One that takes longer than `timeoutMs` for a call is
 * ended, with everything it was doing, and the next call starts a new one. Null: it could not be done.
 */
export function workerCall<Input, Output>(start: () => Worker, timeoutMs: number) {
  const waiting = new Map<number, (output: Output | null) => void>();
  let worker: Worker | null = null;
  let lastId = 0;

  function end(): void {
    worker?.terminate();
    worker = null;
    for (const resolve of waiting.values()) resolve(null);
    waiting.clear();
  }

  function running(): Worker {
    if (worker) return worker;
    worker = start();
    worker.onmessage = ({ data }: MessageEvent<Reply<Output>>) => {
      waiting.get(data.id)?.(data.output);
      waiting.delete(data.id);
    };
    worker.onerror = end;
    return worker;
  }

  return (input: Input): Promise<Output | null> =>
    new Promise((resolve) => {
      const id = ++lastId;
      const timer = setTimeout(end, timeoutMs);
      waiting.set(id, (output) => {
        clearTimeout(timer);
        resolve(output);
      });
      running().postMessage({ id, input });
    });
}

/** The worker's side. What throws is answered with null. */
export function answerCalls<Input, Output>(answer: (input: Input) => Output): void {
  self.onmessage = ({ data }: MessageEvent<{ id: number; input: Input }>) => {
    let output: Output | null = null;
    try {
      output = answer(data.input);
    } catch {
      // The caller shows the source instead.
    }
    self.postMessage({ id: data.id, output } satisfies Reply<Output>);
  };
}
