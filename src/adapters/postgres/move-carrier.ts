import type { UserId } from '../../ports/generations.ts';

export type UserMove = {
  id: string;
  user_id: UserId;
  workspace_id: string;
  source: number;
  target: number;
  from_epoch: number;
  to_epoch: number;
  phase: 'copying' | 'flipped';
};

/**
 * `moved`: `frozenMs` is how long writers waited, where this mover did the whole of it. `busy`: another mover is at it.
 * `closed`, `not-open`: the target takes nobody, or a living process does not have it open yet.
 */
export type MoveOutcome =
  | { kind: 'moved'; rows: number; frozenMs: number }
  | { kind: 'there' | 'unknown' | 'busy' | 'closed' | 'not-open' };

/** After each step of a move; tests stop here. */
export type MoveStep = 'begun' | 'copied-before' | 'frozen' | 'copied' | 'flipped' | 'retired' | 'ended';

export type Begun = { outcome: 'begun' | 'resumed' | 'there' | 'unknown' | 'closed' | 'not-open'; move: UserMove };

/** The steps of a move, each of which does nothing where it has been done, or where the move is over. */
export interface MoveStore {
  begin(userId: UserId, target: number): Promise<Begun>;
  /** `is_old`: its mover has said nothing for long. Oldest word first. */
  open(): Promise<readonly (UserMove & { is_old: boolean })[]>;
  /** Null: another mover has it. */
  lock(userId: UserId): Promise<AsyncDisposable | null>;
  /** At the source: nobody writes there from now on. */
  freeze(move: UserMove): Promise<void>;
  /**
   * All rows, and the home, in one transaction of the target. Calls `freeze` once what can be copied before is.
   * Throws where the source is not frozen by this move.
   */
  copy(move: UserMove, freeze: () => Promise<void>, copiedBefore: () => Promise<void>): Promise<Copied>;
  flip(move: UserMove): Promise<void>;
  /** At the source: the home becomes a tombstone. */
  retire(move: UserMove): Promise<void>;
  /** Some of what the source still has; true: nothing is left. */
  remove(move: UserMove): Promise<boolean>;
  end(move: UserMove): Promise<void>;
}

/** `frozenAt`: see {@link performance.now}. */
export type Copied = { rows: number; frozenAt: number };

/**
 * Moves users between shards while they are being written for: freeze, copy, flip, delete. A mover may die
 * after any step; the next one goes on from the row in the directory. Locks keep movers from doing the same
 * work twice; that they could is safe. The simulation runs this very code on shards in memory.
 */
export class MoveCarrier {
  readonly #store: MoveStore;
  readonly #onStep: (step: MoveStep, move: UserMove) => Promise<void>;

  constructor(store: MoveStore, onStep: (step: MoveStep, move: UserMove) => Promise<void> = async () => {}) {
    this.#store = store;
    this.#onStep = onStep;
  }

  async move(userId: UserId, target: number): Promise<MoveOutcome> {
    return await this.#locked(userId, async () => {
      const { outcome, move } = await this.#store.begin(userId, target);
      if (outcome !== 'begun' && outcome !== 'resumed') return { kind: outcome };
      await this.#onStep('begun', move);
      const moved = await this.#carry(move);
      // One that was found under way may have led elsewhere.
      return outcome === 'resumed' && move.target !== target ? await this.#again(userId, target) : moved;
    });
  }

  async #again(userId: UserId, target: number): Promise<MoveOutcome> {
    const { outcome, move } = await this.#store.begin(userId, target);
    if (outcome === 'begun') return await this.#carry(move);
    return { kind: outcome === 'resumed' ? 'busy' : outcome };
  }

  /** Finishes moves whose movers are gone; returns how many. One that cannot be finished now is tried at the next look. */
  async resume(): Promise<number> {
    let resumed = 0;
    let failure: unknown = null;
    for (const { is_old, ...move } of await this.#store.open()) {
      try {
        const outcome = await this.#locked(move.user_id, async () => {
          await this.#carry(move);
          return { kind: 'there' };
        });
        if (outcome.kind === 'busy' && is_old) await this.#carry(move);
        if (outcome.kind !== 'busy' || is_old) resumed++;
      } catch (error) {
        failure = error;
      }
    }
    if (failure !== null && resumed === 0) throw failure;
    return resumed;
  }

  async #carry(move: UserMove): Promise<MoveOutcome> {
    const store = this.#store;
    let rows = 0;
    let frozenMs = 0;
    if (move.phase === 'copying') {
      const freeze = async () => {
        await store.freeze(move);
        await this.#onStep('frozen', move);
      };
      const copied = await store.copy(move, freeze, () => this.#onStep('copied-before', move));
      await this.#onStep('copied', move);
      await store.flip(move);
      rows = copied.rows;
      frozenMs = performance.now() - copied.frozenAt;
      await this.#onStep('flipped', move);
    }
    await store.retire(move);
    await this.#onStep('retired', move);
    while (!(await store.remove(move)));
    await store.end(move);
    await this.#onStep('ended', move);
    return { kind: 'moved', rows, frozenMs };
  }

  async #locked(userId: UserId, work: () => Promise<MoveOutcome>): Promise<MoveOutcome> {
    await using lock = await this.#store.lock(userId);
    return lock ? await work() : { kind: 'busy' };
  }
}
