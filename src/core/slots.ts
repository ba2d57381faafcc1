import { LANES, type Lane } from '../protocol/generation.ts';

/** How many generations one process runs at once, and how many of them each lane is sure of. */
export type SlotPlan = { total: number; reserve: Readonly<Record<Lane, number>> };

/**
 * The slots of one process. A lane's idle reserve is lent to others, except the stream lane's: a
 * generation is never preempted, and somebody who reads along must not wait for one nobody reads.
 */
export class Slots {
  readonly plan: SlotPlan;
  readonly #used: Record<Lane, number> = { stream: 0, chat: 0, batch: 0 };
  #onChange: (() => void) | null = null;

  constructor(plan: SlotPlan) {
    this.plan = plan;
  }

  /** Called after every change of what {@link startable} answers. */
  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  used(lane?: Lane): number {
    return lane ? this.#used[lane] : LANES.reduce((sum, each) => sum + this.#used[each], 0);
  }

  /** Generations that this lane may start now. */
  startable(lane: Lane): number {
    const kept = lane === 'stream' ? 0 : Math.max(0, this.plan.reserve.stream - this.#used.stream);
    return Math.max(0, this.plan.total - this.used() - kept);
  }

  /** Lanes below their reserve first, then by urgency: the order in which a free slot is offered. */
  byNeed(): readonly Lane[] {
    const owed = (lane: Lane) => (this.#used[lane] < this.plan.reserve[lane] ? 0 : 1);
    return [...LANES].sort((a, b) => owed(a) - owed(b));
  }

  /** Null where the lane has none left. The slot is given back once, by calling it. */
  take(lane: Lane): (() => void) | null {
    if (this.startable(lane) === 0) return null;
    this.#used[lane] += 1;
    this.#onChange?.();
    let taken = true;
    return () => {
      if (!taken) return;
      taken = false;
      this.#used[lane] -= 1;
      this.#onChange?.();
    };
  }
}
