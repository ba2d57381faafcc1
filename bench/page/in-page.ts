/** Runs inside of the page, before anything of it: what happened is found under `bench`. */
export type Watch = {
  /** Milliseconds between frames. */
  frames: number[];
  /** Milliseconds of each task of more than 50. */
  longTasks: number[];
  /** Milliseconds from a key to the frame that shows it. */
  keys: number[];
};

declare global {
  var bench: Watch & { reset(): void };
}

export function watch(): void {
  let last: number | null = null;
  const nothing = (): Watch => ({ frames: [], longTasks: [], keys: [] });
  globalThis.bench = {
    ...nothing(),
    reset() {
      Object.assign(globalThis.bench, nothing());
      last = null;
    },
  };
  const onFrame = (at: number): void => {
    if (last !== null) globalThis.bench.frames.push(at - last);
    last = at;
    requestAnimationFrame(onFrame);
  };
  requestAnimationFrame(onFrame);
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) globalThis.bench.longTasks.push(task.duration);
  }).observe({ type: 'longtask' });
  const afterPaint = new MessageChannel();
  const waiting: number[] = [];
  afterPaint.port1.onmessage = () => {
    for (const at of waiting.splice(0)) globalThis.bench.keys.push(performance.now() - at);
  };
  window.addEventListener(
    'keydown',
    ({ timeStamp }) => {
      requestAnimationFrame(() => {
        waiting.push(timeStamp);
        afterPaint.port2.postMessage(null);
      });
    },
    true,
  );
}
