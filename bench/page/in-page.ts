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
  var bench: Watch & {
    reset(): void;
    /** Shows a conversation as a click does; milliseconds until its newest message is drawn. */
    show(number: number, message: string): Promise<number>;
    /** When the newest message stands where it is read, drawn, with somewhere to write and the thread free. */
    drawn(message: string, not?: Element): Promise<number>;
  };
}

export function watch(): void {
  let last: number | null = null;
  const nothing = (): Watch => ({ frames: [], longTasks: [], keys: [] });
  const newest = (message: string): Element | undefined => [...document.querySelectorAll(message)].at(-1);
  const isInView = (element: Element): boolean => {
    const { top, bottom, height } = element.getBoundingClientRect();
    return height > 0 && bottom > 0 && top < innerHeight;
  };
  globalThis.bench = {
    ...nothing(),
    reset() {
      Object.assign(globalThis.bench, nothing());
      last = null;
    },
    show(number, message) {
      const before = newest(message);
      const began = performance.now();
      const drawn = globalThis.bench.drawn(message, before);
      const link = document.querySelector<HTMLElement>(`a[href="/c/${number}"]`);
      if (link) link.click();
      else {
        history.pushState(null, '', `/c/${number}`);
        window.dispatchEvent(new PopStateEvent('popstate'));
      }
      return drawn.then((at) => at - began);
    },
    drawn: (message, not) =>
      new Promise((resolve) => {
        const look = (): void => {
          const element = newest(message);
          const ready = element && element !== not && isInView(element) && document.querySelector('textarea');
          // A task after the frame that draws it.
          if (ready) setTimeout(() => resolve(performance.now()));
          else requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
      }),
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
