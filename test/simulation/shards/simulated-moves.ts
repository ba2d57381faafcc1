import type { Begun, Copied, MoveStep, MoveStore, UserMove } from '../../../src/adapters/postgres/move-carrier.ts';
import { MoveCarrier } from '../../../src/adapters/postgres/move-carrier.ts';
import type { UserId } from '../../../src/ports/generations.ts';
import type { ReachedShard, ReachedShards } from './reach-shards.ts';

/** A copy waits this long between two looks at a home that another copy has locked. */
const LOCK_POLL_MS = 20;
/** As the statement timeout of a copy's session. */
const LOCK_PATIENCE_MS = 120_000;
/** While the rows travel, and the source may be read for other reasons. */
const COPY_MS = { least: 1, most: 60 };
const RESUME_EVERY_MS = 1_000;

/** The steps of moves, as one process makes them on shards in memory: what user-moves.ts and user-copy.ts do. */
class SimulatedMoveStore implements MoveStore {
  readonly #shards: ReachedShards;

  constructor(shards: ReachedShards) {
    this.#shards = shards;
  }

  begin(userId: UserId, target: number): Promise<Begun> {
    return this.#shards.directory((directory) => directory.beginMove(userId, target));
  }

  open(): Promise<readonly (UserMove & { is_old: boolean })[]> {
    return this.#shards.directory((directory) => directory.openMoves());
  }

  async lock(userId: UserId): Promise<AsyncDisposable | null> {
    const { process, directory } = this.#shards;
    const mover = {};
    const taken = await directory((each) => {
      const isTaken = each.tryLock(userId, mover);
      if (isTaken) process.onDeath(() => process.afterDeath(() => each.unlock(mover)));
      return isTaken;
    });
    if (!taken) return null;
    // Where the directory is away its connection is gone, and with it the lock.
    return { [Symbol.asyncDispose]: () => directory((each) => each.unlock(mover, userId)).catch(() => {}) };
  }

  async freeze(move: UserMove): Promise<void> {
    const { user_id: userId, workspace_id: workspaceId, source, from_epoch: epoch } = move;
    await this.#shards.routing.makeHome({ userId, workspaceId, shard: source, epoch });
    await this.#source(move).call((shard) => shard.freezeHome(move));
  }

  async copy(move: UserMove, freeze: () => Promise<void>): Promise<Copied> {
    const { process } = this.#shards;
    const [source, target] = [this.#source(move), this.#shards.all[move.target]!];
    await freeze();
    const frozenAt = performance.now();
    const mover = {};
    const giveUp = () => target.call((shard) => shard.rollBack(mover)).catch(() => {});
    try {
      if ((await this.#awaitArrival(target, move, mover)) === 'arrived') return { rows: 0, frozenAt };
      const copy = await source.call((shard) => shard.readFrozen(move));
      await process.step(process.between(COPY_MS.least, COPY_MS.most));
      await target.call((shard) => shard.commitArrival(move, mover, copy));
      return { rows: copy.generations.length, frozenAt };
    } catch (error) {
      await giveUp();
      throw error;
    }
  }

  async #awaitArrival(target: ReachedShard, move: UserMove, mover: object): Promise<'arrived' | 'awaited'> {
    const { process } = this.#shards;
    const until = process.now + LOCK_PATIENCE_MS;
    for (;;) {
      const outcome = await target.call((shard) => {
        const awaited = shard.awaitArrival(move, mover);
        if (awaited === 'awaited') process.onDeath(() => process.afterDeath(() => shard.rollBack(mover)));
        return awaited;
      });
      if (outcome !== 'locked') return outcome;
      if (process.now > until) throw new Error('the home stayed locked');
      await process.step(LOCK_POLL_MS);
    }
  }

  async flip(move: UserMove): Promise<void> {
    await this.#shards.directory((directory) => directory.flipMove(move.id));
  }

  async retire(move: UserMove): Promise<void> {
    this.#shards.routing.forget(move.user_id);
    await this.#source(move).call((shard) => shard.retireHome(move));
  }

  async remove(move: UserMove): Promise<boolean> {
    return await this.#source(move).call((shard) => shard.removeMoved(move));
  }

  async end(move: UserMove): Promise<void> {
    await this.#shards.directory((directory) => directory.endMove(move.id));
  }

  #source(move: UserMove): ReachedShard {
    return this.#shards.all[move.source]!;
  }
}

export function moverOf(shards: ReachedShards, onStep?: (step: MoveStep, move: UserMove) => Promise<void>) {
  return new MoveCarrier(new SimulatedMoveStore(shards), onStep);
}

/** As keep-moves.ts, in every worker: finishes the moves of movers that died. */
export async function keepMoves(shards: ReachedShards): Promise<void> {
  const mover = moverOf(shards);
  for (;;) {
    await shards.process.step(RESUME_EVERY_MS);
    await mover.resume().catch(() => {});
  }
}
