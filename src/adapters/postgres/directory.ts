import { LRUCache } from 'lru-cache';
import type { Directory } from '../../ports/directory.ts';
import type { UserId, WorkspaceId } from '../../ports/generations.ts';
import { ChatError } from '../../protocol/errors.ts';
import { beingDeleted, isUnavailable } from './moving.ts';
import type { Statement } from './pool.ts';
import type { PlacedUser, Shards } from './shards.ts';
import { isUuid, storable } from './text.ts';
import { userIdOf } from './user-id.ts';

const COLUMNS = 'user_id AS "userId", workspace_id AS "workspaceId", shard, epoch, deletion';
const FIND: Statement = {
  name: 'find_user',
  text: `SELECT ${COLUMNS} FROM users
    WHERE workspace_id = $1 AND external_id = $2`,
};
const ENSURE: Statement = {
  name: 'ensure_user',
  text: `SELECT ${COLUMNS} FROM ensure_user($1, $2, $3, $4)`,
};
/** `deletion`: of one who is being deleted. */
type FoundUser = PlacedUser & { deletion: string | null };

const MAX_KNOWN = 50_000;
/** Until the directory is asked again. */
const KNOWN_FOR_MS = 60_000;

export class PostgresDirectory implements Directory {
  readonly #shards: Shards;
  /** Users of whom this process knows that their home is there; older ones serve while the directory is away. */
  readonly #known = new LRUCache<string, UserId>({ max: MAX_KNOWN, ttl: KNOWN_FOR_MS, noDeleteOnStaleGet: true });

  constructor(shards: Shards) {
    this.#shards = shards;
  }

  async ensureUser(workspaceId: WorkspaceId, externalId: string): Promise<UserId> {
    const id = await this.#remember(workspaceId, externalId, async () => {
      const user = await this.#ensure(workspaceId, externalId);
      if (user.deletion !== null) return null;
      // Also for one found: whoever made it may have died before its home was there.
      await this.#shards.makeHome(user);
      return user.userId;
    });
    if (id === null) throw beingDeleted();
    return id;
  }

  async findUser(workspaceId: WorkspaceId, externalId: string): Promise<UserId | null> {
    const find = async () => {
      const user = await this.#find(workspaceId, externalId);
      return user?.deletion === null ? user.userId : null;
    };
    return await this.#remember(workspaceId, externalId, find);
  }

  async #remember(
    workspaceId: WorkspaceId,
    externalId: string,
    ask: () => Promise<UserId | null>,
  ): Promise<UserId | null> {
    const key = `${workspaceId} ${externalId}`;
    const known = this.#known.get(key);
    if (known !== undefined && !this.#shards.isGone(known)) return known;
    try {
      const id = await ask();
      if (id === null) this.#known.delete(key);
      else this.#known.set(key, id);
      return id;
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      const id = this.#known.get(key, { allowStale: true }) ?? (await this.#findAtHome(workspaceId, externalId));
      if (id === null) throw error;
      return id;
    }
  }

  /** Without the directory: by the id that a user of this name has. */
  async #findAtHome(workspaceId: WorkspaceId, externalId: string): Promise<UserId | null> {
    const id = userIdOf(workspaceId, storable(externalId));
    const shard = await this.#shards.locate(id).catch((error: unknown) => {
      if (isUnavailable(error)) return null;
      throw error;
    });
    return shard && id;
  }

  async #find(workspaceId: WorkspaceId, externalId: string): Promise<FoundUser | null> {
    if (!isUuid(workspaceId)) return null;
    const [row] = await this.#shards.directory.query<FoundUser>(FIND, [workspaceId, storable(externalId)]);
    return row ?? null;
  }

  async #ensure(workspaceId: WorkspaceId, externalId: string): Promise<FoundUser> {
    const id = userIdOf(workspaceId, storable(externalId));
    const values = [id, workspaceId, storable(externalId), this.#shards.place(id)];
    const [user] = await this.#shards.directory.query<FoundUser>(ENSURE, values);
    if (user) return user;
    // The shard takes nobody any more, which this process hears within seconds.
    throw new ChatError('database_unavailable', {
      retryAfterSeconds: 2,
      details: { reason: 'a shard is being drained' },
    });
  }
}
