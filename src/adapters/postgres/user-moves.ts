import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { UserId } from '../../ports/generations.ts';
import { type Begun, type Copied, MoveCarrier, type MoveStep, type MoveStore, type UserMove } from './move-carrier.ts';
import type { Db, Statement } from './pool.ts';
import { LIVING_MS } from './shard-list.ts';
import type { ShardSet } from './shard-set.ts';
import { copyUser } from './user-copy.ts';

const BEGIN: Statement = {
  name: 'begin_move',
  text: `SELECT outcome, (move).id, (move).user_id, (move).workspace_id, (move).source, (move).target,
    (move).from_epoch, (move).to_epoch, (move).phase FROM begin_move($1, $2, $3, $4 * interval '1 ms')`,
};
const OPEN_MOVES: Statement = {
  name: 'open_moves',
  text: `SELECT id, user_id, workspace_id, source, target, from_epoch, to_epoch, phase,
    touched_at < clock_timestamp() - $1 * interval '1 ms' AS is_old FROM user_moves ORDER BY touched_at`,
};
const FLIP: Statement = { name: 'flip_move', text: 'SELECT flip_move($1)' };
const TOUCH: Statement = {
  name: 'touch_move',
  text: 'UPDATE user_moves SET touched_at = clock_timestamp() WHERE id = $1',
};
const END: Statement = { name: 'end_move', text: 'DELETE FROM user_moves WHERE id = $1' };
const FREEZE: Statement = { name: 'freeze_home', text: 'SELECT freeze_home($1, $2, $3, $4) AS frozen' };
const RETIRE: Statement = { name: 'retire_home', text: 'SELECT retire_home($1, $2)' };
const REMOVE: Statement = { name: 'remove_moved', text: 'SELECT remove_moved($1, $2, $3) AS done' };

/** Of a move whose mover holds its lock and says nothing: it is taken for paused, and every step of it is guarded. */
const PAUSED_AFTER_MS = 15_000;
const REMOVE_BATCH = 2_000;

/** Moves users between the shards of a set. One connection holds the locks of what it is moving. */
export class UserMover extends MoveCarrier implements AsyncDisposable {
  readonly #store: PostgresMoveStore;

  constructor(shards: ShardSet, onStep?: (step: MoveStep, move: UserMove) => Promise<void>) {
    const store = new PostgresMoveStore(shards);
    super(store, onStep);
    this.#store = store;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
  }
}

class PostgresMoveStore implements MoveStore, AsyncDisposable {
  readonly #shards: ShardSet;
  #locks: pg.Client | null = null;

  constructor(shards: ShardSet) {
    this.#shards = shards;
  }

  async begin(userId: UserId, target: number): Promise<Begun> {
    const values = [randomUUID(), userId, target, LIVING_MS];
    const [row] = await this.#shards.directory.query<UserMove & { outcome: Begun['outcome'] }>(BEGIN, values);
    const { outcome, ...move } = row!;
    return { outcome, move };
  }

  async open(): Promise<readonly (UserMove & { is_old: boolean })[]> {
    return await this.#shards.directory.query<UserMove & { is_old: boolean }>(OPEN_MOVES, [PAUSED_AFTER_MS]);
  }

  async freeze(move: UserMove): Promise<void> {
    await this.#shards.makeHome({
      userId: move.user_id,
      workspaceId: move.workspace_id,
      shard: move.source,
      epoch: move.from_epoch,
    });
    const values = [move.user_id, move.from_epoch, move.id, move.target];
    await this.#shardOf(move.source).query(FREEZE, values);
  }

  async copy(move: UserMove, freeze: () => Promise<void>, copiedBefore: () => Promise<void>): Promise<Copied> {
    return await copyUser(this.#shardOf(move.source), this.#shardOf(move.target), move, {
      freeze,
      touch: async () => {
        await this.#shards.directory.query(TOUCH, [move.id]);
        await copiedBefore();
      },
    });
  }

  async flip(move: UserMove): Promise<void> {
    await this.#shards.directory.query(FLIP, [move.id]);
  }

  async retire(move: UserMove): Promise<void> {
    this.#shards.forget(move.user_id);
    await this.#shardOf(move.source).query(RETIRE, [move.user_id, move.id]);
  }

  async remove(move: UserMove): Promise<boolean> {
    const values = [move.user_id, move.id, REMOVE_BATCH];
    const [row] = await this.#shardOf(move.source).query<{ done: boolean }>(REMOVE, values);
    return row!.done;
  }

  async end(move: UserMove): Promise<void> {
    await this.#shards.directory.query(END, [move.id]);
  }

  async lock(userId: UserId): Promise<AsyncDisposable | null> {
    const client = await this.#lockConnection();
    const key = 'SELECT pg_try_advisory_lock(1128415493, user_key($1)) AS taken';
    const { rows } = await client.query<{ taken: boolean }>(key, [userId]);
    if (!rows[0]!.taken) return null;
    return {
      [Symbol.asyncDispose]: async () => {
        await client.query('SELECT pg_advisory_unlock(1128415493, user_key($1))', [userId]).catch(() => {
          this.#locks = null;
        });
      },
    };
  }

  #shardOf(id: number): Db {
    const shard = this.#shards.all().find((each) => each.id === id);
    if (!shard) throw new Error(`shard ${id} is not open here`);
    return shard.db;
  }

  async #lockConnection(): Promise<pg.Client> {
    if (this.#locks) return this.#locks;
    const client = await this.#shards.directory.connect('chatterbot mover');
    client.once('end', () => {
      if (this.#locks === client) this.#locks = null;
    });
    this.#locks = client;
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#locks?.end().catch(() => {});
  }
}
