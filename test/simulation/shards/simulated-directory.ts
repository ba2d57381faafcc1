import type { Begun, UserMove } from '../../../src/adapters/postgres/move-carrier.ts';
import type { PlacedUser } from '../../../src/adapters/postgres/shards.ts';
import type { UserId, WorkspaceId } from '../../../src/ports/generations.ts';

type OpenMove = UserMove & { touchedAt: number };

/** As in user-moves.ts: of a move whose mover holds its lock and says nothing, it is taken for paused. */
const PAUSED_AFTER_MS = 15_000;

/** The small database of placements and moves: what sql/0001, 0011 and 0013 do there, each a transaction. */
export class SimulatedDirectory {
  readonly users = new Map<UserId, PlacedUser>();
  readonly moves = new Map<UserId, OpenMove>();
  /** Held by movers, as session locks: free with their connection. */
  readonly locks = new Map<UserId, object>();
  isDown = false;
  readonly #byName = new Map<string, UserId>();
  readonly #now: () => number;
  #lastEpoch = 1;
  #lastMove = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  find(workspaceId: WorkspaceId, externalId: string): PlacedUser | null {
    const id = this.#byName.get(nameOf(workspaceId, externalId));
    return id === undefined ? null : (this.users.get(id) ?? null);
  }

  /** Whoever comes second finds what the first has made. */
  create(userId: UserId, workspaceId: WorkspaceId, externalId: string, shard: number): PlacedUser {
    const known = this.find(workspaceId, externalId);
    if (known) return known;
    const user = { userId, workspaceId, shard, epoch: this.#nextEpoch() };
    this.users.set(userId, user);
    this.#byName.set(nameOf(workspaceId, externalId), userId);
    return user;
  }

  beginMove(userId: UserId, target: number): Begun {
    const user = this.users.get(userId);
    const standing = this.moves.get(userId);
    const none = {} as UserMove;
    if (!user) return { outcome: 'unknown', move: none };
    if (standing) {
      standing.touchedAt = this.#now();
      return { outcome: 'resumed', move: { ...standing } };
    }
    if (user.shard === target) return { outcome: 'there', move: none };
    this.#lastMove += 1;
    const move: UserMove = {
      id: `move-${this.#lastMove}`,
      user_id: userId,
      workspace_id: user.workspaceId,
      source: user.shard,
      target,
      from_epoch: user.epoch,
      to_epoch: this.#nextEpoch(),
      phase: 'copying',
    };
    this.moves.set(userId, { ...move, touchedAt: this.#now() });
    return { outcome: 'begun', move };
  }

  openMoves(): (UserMove & { is_old: boolean })[] {
    return [...this.moves.values()]
      .sort((a, b) => a.touchedAt - b.touchedAt)
      .map(({ touchedAt, ...move }) => ({ ...move, is_old: touchedAt < this.#now() - PAUSED_AFTER_MS }));
  }

  flipMove(id: string): void {
    const move = this.#move(id);
    if (!move) return;
    const user = this.users.get(move.user_id);
    if (user?.shard === move.source && user.epoch === move.from_epoch) {
      this.users.set(move.user_id, { ...user, shard: move.target, epoch: move.to_epoch });
    }
    move.phase = 'flipped';
    move.touchedAt = this.#now();
  }

  endMove(id: string): void {
    const move = this.#move(id);
    if (move) this.moves.delete(move.user_id);
  }

  tryLock(userId: UserId, mover: object): boolean {
    const holder = this.locks.get(userId);
    if (holder && holder !== mover) return false;
    this.locks.set(userId, mover);
    return true;
  }

  /** Of one user, or of all that this mover has locked. */
  unlock(mover: object, userId?: UserId): void {
    for (const [locked, holder] of this.locks) {
      if (holder === mover && (userId === undefined || userId === locked)) this.locks.delete(locked);
    }
  }

  #move(id: string): OpenMove | undefined {
    return [...this.moves.values()].find((move) => move.id === id);
  }

  #nextEpoch(): number {
    this.#lastEpoch += 1;
    return this.#lastEpoch;
  }
}

function nameOf(workspaceId: WorkspaceId, externalId: string): string {
  return `${workspaceId} ${externalId}`;
}
