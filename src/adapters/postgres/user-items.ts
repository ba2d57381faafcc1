import type { UserId } from '../../ports/generations.ts';
import type { ItemInput, ItemValue, SharedBranch, ShareValue, UserItem, UserItems } from '../../ports/user-items.ts';
import { ChatError } from '../../protocol/errors.ts';
import { beingDeleted } from './moving.ts';
import type { Statement } from './pool.ts';
import type { Shards } from './shards.ts';
import { isUuid, toJsonb } from './text.ts';

const LIST: Statement = {
  name: 'list_items',
  text: 'SELECT id, kind, value, created_at, updated_at FROM user_items WHERE user_id = $1 ORDER BY created_at, id',
};
const PUT: Statement = { name: 'put_item', text: 'SELECT home, outcome FROM put_item($1, $2, $3, $4, $5)' };
const REMOVE: Statement = { name: 'remove_item', text: 'SELECT home, removed FROM remove_item($1, $2)' };
/** Of a user on the move the target has the rows only once they are all there. */
const FIND_SHARE: Statement = {
  name: 'find_share',
  text: `SELECT i.user_id, i.value, i.created_at FROM user_items AS i
    JOIN user_home AS home ON home.user_id = i.user_id AND home.state IN ('active', 'frozen')
    WHERE i.id = $1 AND i.kind = 'share'`,
};

type Row = { id: string; kind: ItemValue['kind']; value: object; created_at: number; updated_at: number };
type ShareRow = { user_id: UserId; value: object; created_at: number };

export class PostgresUserItems implements UserItems {
  readonly #shards: Shards;

  constructor(shards: Shards) {
    this.#shards = shards;
  }

  async list(userId: UserId): Promise<readonly UserItem[]> {
    const rows = await this.#shards.read<Row[]>(userId, 'newest', [], (db) => db.query<Row>(LIST, [userId]));
    return rows.map(
      ({ id, kind, value, created_at, updated_at }) =>
        ({ id, kind, ...value, createdAt: created_at, updatedAt: updated_at }) as UserItem,
    );
  }

  async put(userId: UserId, { id, kind, ...value }: ItemInput, most: number): Promise<void> {
    type Put = { home: string | null; outcome: string | null };
    const row = await this.#shards.atHome(
      userId,
      async (db) => (await db.query<Put>(PUT, [userId, id, kind, toJsonb(value), most]))[0]!,
      { isAway: ({ home }) => home !== 'active' },
    );
    if (!row) throw beingDeleted();
    if (row.outcome === 'too_many') throw new ChatError('too_many_items', { details: { kind, limit: most } });
    if (row.outcome === 'taken') throw new ChatError('item_id_taken');
  }

  async remove(userId: UserId, id: string): Promise<boolean> {
    if (!isUuid(id)) return false;
    type Removed = { home: string | null; removed: boolean };
    const row = await this.#shards.atHome(userId, async (db) => (await db.query<Removed>(REMOVE, [userId, id]))[0]!, {
      isAway: ({ home }) => home !== 'active',
    });
    return row?.removed ?? false;
  }

  async findShare(id: string): Promise<SharedBranch | null> {
    if (!isUuid(id)) return null;
    const asked = await Promise.allSettled(this.#shards.all().map(({ db }) => db.query<ShareRow>(FIND_SHARE, [id])));
    const row = asked.flatMap((each) => (each.status === 'fulfilled' ? each.value : []))[0];
    // Where one is away, it may be there.
    const failure = asked.find((each) => each.status === 'rejected');
    if (!row && failure) throw failure.reason;
    if (!row) return null;
    return { userId: row.user_id, createdAt: row.created_at, share: { kind: 'share', ...row.value } as ShareValue };
  }
}
