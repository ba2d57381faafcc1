/** Seeded chance: mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Event = { at: number; order: number; run: () => void };

/**
 * Virtual time: nothing happens but what stands in this queue, in one order that the seed decides. Between
 * two events every promise that can settle has settled.
 */
export class Scheduler {
  readonly random: () => number;
  readonly #heap: Event[] = [];
  #now = 0;
  #order = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  get now(): number {
    return this.#now;
  }

  between(from: number, to: number): number {
    return from + Math.floor(this.random() * (to - from + 1));
  }

  pick<T>(items: readonly T[]): T {
    return items[this.between(0, items.length - 1)]!;
  }

  after(ms: number, run: () => void): void {
    this.#push({ at: this.#now + ms, order: this.#order++, run });
  }

  /** Until nothing is left, `done` says so, or virtual time is past `limit`. */
  async run(limit: number, done: () => boolean): Promise<void> {
    await settled();
    for (let event = this.#heap[0]; event && event.at <= limit && !done(); event = this.#heap[0]) {
      this.#pop();
      this.#now = event.at;
      event.run();
      await settled();
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    heap.push(event);
    for (let child = heap.length - 1; child > 0; ) {
      const parent = (child - 1) >> 1;
      if (earlier(heap[parent]!, heap[child]!)) break;
      swap(heap, parent, child);
      child = parent;
    }
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (heap.length === 0 || !last) return first;
    heap[0] = last;
    for (let parent = 0; ; ) {
      let child = 2 * parent + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && earlier(heap[child + 1]!, heap[child]!)) child += 1;
      if (earlier(heap[parent]!, heap[child]!)) break;
      swap(heap, parent, child);
      parent = child;
    }
    return first;
  }
}

const earlier = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

function swap(heap: Event[], a: number, b: number): void {
  const held = heap[a]!;
  heap[a] = heap[b]!;
  heap[b] = held;
}

/** Immediates run after the microtasks, however long their chains are. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
