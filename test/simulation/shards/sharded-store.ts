import { fill } from '../../../src/adapters/postgres/fill.ts';
import { isUnavailable } from '../../../src/adapters/postgres/moving.ts';
import { userIdOf } from '../../../src/adapters/postgres/user-id.ts';
import { rendezvous } from '../../../src/lib/rendezvous.ts';
import type { Conversations } from '../../../src/ports/conversations.ts';
import type { Directory } from '../../../src/ports/directory.ts';
import type {
  ConversationId,
  DispatchWindow,
  GenerationJob,
  UserId,
  WorkspaceId,
} from '../../../src/ports/generations.ts';
import type { Acceptance, Accepted, Outbox, Published, SweepOptions, Swept } from '../../../src/ports/outbox.ts';
import type { Routes } from '../../../src/ports/routes.ts';
import { type ReachedShards, unavailable } from './reach-shards.ts';
import { AWAY, type SimulatedShard } from './simulated-shard.ts';

const ROUTE_TTL_MS = 24 * 60 * 60 * 1000;

/** As PostgresOutbox goes about its shards, on shards in memory. */
export class ShardedOutbox implements Outbox {
  readonly #shards: ReachedShards;
  readonly #routes: Routes;

  constructor(shards: ReachedShards, routes: Routes) {
    this.#shards = shards;
    this.#routes = routes;
  }

  async accept(acceptance: Acceptance): Promise<Accepted> {
    const { userId, generationId } = acceptance;
    const accepted = await writeAtHome(this.#shards, userId, async ({ outbox, witness }) => {
      const outcome = await outbox.accept(acceptance);
      witness.accepted(outcome.generation.id);
      return outcome;
    });
    if (!accepted) throw unavailable(new Error('the user is being deleted'));
    if (!accepted.replayed) void this.#routes.put(generationId, userId, ROUTE_TTL_MS).catch(() => {});
    return accepted;
  }

  async dispatchNext(userId: UserId, window: DispatchWindow): Promise<readonly GenerationJob[]> {
    return (await writeAtHome(this.#shards, userId, ({ outbox }) => outbox.dispatchNext(userId, window))) ?? [];
  }

  async makeIndirect(job: GenerationJob, window: DispatchWindow): Promise<readonly GenerationJob[]> {
    return (await writeAtHome(this.#shards, job.userId, ({ outbox }) => outbox.makeIndirect(job, window))) ?? [];
  }

  async markPublished(published: readonly Published[]): Promise<void> {
    const elsewhere = await this.#markOnce(published);
    if (elsewhere.length > 0) await this.#markOnce(elsewhere);
  }

  /** Returns those whose user was not where this process thought. */
  async #markOnce(published: readonly Published[]): Promise<Published[]> {
    const { routing } = this.#shards;
    const elsewhere: Published[] = [];
    for (const each of published) {
      const shard = await routing.locate(each.userId);
      const marked = await shard?.write(each.userId, ({ outbox }) => outbox.markPublished([each]));
      if (marked !== AWAY) continue;
      routing.forget(each.userId);
      elsewhere.push(each);
    }
    return elsewhere;
  }

  async forgetTransient(afterMs: number, limit: number): Promise<number> {
    let forgotten = 0;
    for (const shard of this.#shards.all) {
      forgotten += await shard.call(({ outbox }) => outbox.forgetTransient(afterMs, limit));
    }
    return forgotten;
  }

  async forgetTemporary(afterMs: number, limit: number): Promise<readonly ConversationId[]> {
    const forgotten: ConversationId[] = [];
    for (const shard of this.#shards.all) {
      forgotten.push(...(await shard.call(({ outbox }) => outbox.forgetTemporary(afterMs, limit))));
    }
    return forgotten;
  }

  async sweep(options: SweepOptions): Promise<Swept> {
    const { all } = this.#shards;
    const failures: unknown[] = [];
    const waitingUsers: UserId[] = [];
    const stalled = await fill(
      all,
      options.limit,
      (_, error) => failures.push(error),
      async (shard, limit) => {
        const swept = await shard.call(({ outbox }) => outbox.sweep({ ...options, limit }));
        waitingUsers.push(...swept.waitingUsers);
        return [...swept.stalled];
      },
    );
    if (failures.length === all.length) throw failures[0];
    return { stalled, waitingUsers };
  }

  async countWaiting(userId: UserId): Promise<number> {
    return await this.#shards.routing.read(userId, 'newest', 0, (shard) =>
      shard.call(({ outbox, homes }) => (homes.has(userId) ? outbox.countWaiting(userId) : 0)),
    );
  }
}

async function writeAtHome<T>(
  { routing }: ReachedShards,
  userId: UserId,
  work: (shard: SimulatedShard) => Promise<T>,
): Promise<T | null> {
  const result = await routing.atHome<T | typeof AWAY>(userId, (shard) => shard.write(userId, work), {
    isAway: (outcome) => outcome === AWAY,
  });
  return result === AWAY ? null : result;
}

/** Each operation of the port at the user's home: writes as writes, the rest as reads that look where they have read. */
export function shardedConversations(shards: ReachedShards): Conversations {
  const writes: ReadonlySet<keyof Conversations> = new Set(['update', 'import', 'remove', 'setFeedback']);
  const none: Partial<Record<keyof Conversations, unknown>> = {
    list: { items: [], next: null },
    history: [],
    search: [],
    setFeedback: false,
    stored: {
      conversations: { kept: 0, archived: 0, temporary: 0, deleted: 0 },
      messages: { recent: 0, archived: 0, bytes: 0 },
      generations: 0,
      usageDays: 0,
    },
  };
  return new Proxy({} as Conversations, {
    get: (_, name) => {
      const method = name as keyof Conversations;
      return async (userId: UserId, ...rest: unknown[]) => {
        const act = async ({ conversations }: SimulatedShard) =>
          await (conversations[method] as (...args: unknown[]) => Promise<unknown>).call(
            conversations,
            userId,
            ...rest,
          );
        const nothing = none[method] ?? null;
        if (writes.has(method)) return (await writeAtHome(shards, userId, act)) ?? nothing;
        return await shards.routing.read(userId, 'newest', nothing, (shard) => shard.call(act));
      };
    },
  });
}

/** As PostgresDirectory. */
export class ShardedDirectory implements Directory {
  readonly #shards: ReachedShards;
  readonly #known = new Map<string, UserId>();

  constructor(shards: ReachedShards) {
    this.#shards = shards;
  }

  async ensureUser(workspaceId: WorkspaceId, externalId: string): Promise<UserId> {
    return await this.#remember(workspaceId, externalId, async () => {
      const id = userIdOf(workspaceId, externalId);
      const user =
        (await this.#shards.directory((directory) => directory.find(workspaceId, externalId))) ??
        (await this.#shards.directory((directory) => directory.create(id, workspaceId, externalId, this.#place(id))));
      await this.#shards.routing.makeHome(user);
      return user.userId;
    });
  }

  async findUser(workspaceId: WorkspaceId, externalId: string): Promise<UserId | null> {
    const find = () => this.#shards.directory((directory) => directory.find(workspaceId, externalId)?.userId ?? null);
    return await this.#remember<UserId | null>(workspaceId, externalId, find);
  }

  #place(userId: UserId): number {
    const takers = rendezvous(userId, this.#shards.all);
    return (takers.find(({ isUp }) => isUp) ?? takers[0]!).id;
  }

  async #remember<Id extends UserId | null>(
    workspaceId: WorkspaceId,
    externalId: string,
    ask: () => Promise<Id>,
  ): Promise<Id | UserId> {
    const key = `${workspaceId} ${externalId}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    try {
      const id = await ask();
      if (id !== null) this.#known.set(key, id);
      return id;
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      const id = await this.#findAtHome(userIdOf(workspaceId, externalId));
      if (id === null) throw error;
      return id;
    }
  }

  /** Without the directory: by the id that a user of this name has. */
  async #findAtHome(id: UserId): Promise<UserId | null> {
    const shard = await this.#shards.routing.locate(id).catch((error: unknown) => {
      if (isUnavailable(error)) return null;
      throw error;
    });
    return shard && id;
  }
}
