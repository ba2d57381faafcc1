import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { rendezvous } from '../../lib/rendezvous.ts';
import type { UserId } from '../../ports/generations.ts';
import { ChatError } from '../../protocol/errors.ts';
import { portFailed } from '../../telemetry/events.ts';
import { migrate } from './migrate.ts';
import { isUnavailable, SYSTEM_CLOCK } from './moving.ts';
import { ensurePartitions } from './partitions.ts';
import type { ConnectionOptions, Db, Statement } from './pool.ts';
import type { ShardConfig } from './shard-config.ts';
import {
  copyShardList,
  identify,
  type ListedShard,
  listShards,
  registerProcess,
  seedShards,
  unregisterProcess,
} from './shard-list.ts';
import { ShardServer, type ShardServerOptions, type ShardStatus } from './shard-server.ts';
import {
  type Away,
  type Freshness,
  HOME_STATE,
  type HomeState,
  MAKE_HOME,
  type PlacedUser,
  type Shard,
  type Shards,
} from './shards.ts';
import { UserRouting } from './user-routing.ts';

export type ShardSetOptions = Omit<ShardServerOptions, 'prepare'> & {
  /** Null: the first of the shards is the directory too. */
  directory: ConnectionOptions | null;
  /** What the list of the directory begins with, and where to look for a copy of it while the directory is away. */
  shards: readonly ShardConfig[];
};

type Open = Shard & { db: ShardServer; weight: number; state: ListedShard['state']; hosts: string };

const FIND_USER: Statement = {
  name: 'find_user_by_id',
  text: 'SELECT user_id AS "userId", workspace_id AS "workspaceId", shard, epoch FROM users WHERE user_id = $1 AND NOT closed',
};
const REFRESH_MS = 2_000;
const MAX_KNOWN = 200_000;
const MAX_GONE = 10_000;

/** All shards that the directory lists, open; and where each user lives. */
export class ShardSet implements Shards, AsyncDisposable {
  readonly directory: ShardServer;
  readonly processId = randomUUID();
  readonly #options: ShardSetOptions;
  readonly #open = new Map<number, Open>();
  readonly #listeners = new Set<(shard: Shard) => void>();
  readonly #routing = new UserRouting<Db, Open>({
    shards: () => [...this.#open.values()],
    opened: (id) => this.#opened(id),
    findUser: async (userId) => (await this.directory.query<PlacedUser>(FIND_USER, [userId]))[0] ?? null,
    homeOf: async (db, userId) => (await db.query<HomeState>(HOME_STATE, [userId]))[0] ?? null,
    makeHome: async ({ db }, user) => {
      await db.query(MAKE_HOME, [user.userId, user.workspaceId, user.epoch]);
    },
    standby: ({ db }) => db.standby(),
    clock: SYSTEM_CLOCK,
    maxKnown: MAX_KNOWN,
    maxGone: MAX_GONE,
  });
  readonly #closing = new AbortController();
  readonly #directoryHosts: string;
  #listed: readonly ListedShard[] = [];
  #copied = '';
  #cluster: string | null = null;
  #refreshing: Promise<void> | null = null;
  #kept: Promise<void> = Promise.resolve();

  private constructor(options: ShardSetOptions) {
    const [first] = options.shards;
    if (!first) throw new Error('a cluster has at least one shard');
    this.#options = options;
    const hosts = options.directory
      ? { primary: options.directory, replicas: [] }
      : { primary: first.primary, replicas: first.replicas };
    this.#directoryHosts = JSON.stringify(hosts);
    this.directory = new ShardServer('directory', hosts.primary, hosts.replicas, {
      ...options,
      prepare: async (connection) => {
        await migrate(connection);
        this.#cluster = await identify(connection, { cluster: null, shard: options.directory ? null : 0 });
      },
    });
  }

  /** Throws ChatError `database_unavailable` where neither the directory nor any shard can say which shards there are. */
  static async open(options: ShardSetOptions): Promise<ShardSet> {
    const set = new ShardSet(options);
    try {
      await set.directory.open();
      await set.#start();
      return set;
    } catch (error) {
      await set[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #start(): Promise<void> {
    try {
      await seedShards(this.directory, this.#options.shards);
      await this.refresh();
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      const copy = await this.#readCopy();
      if (!copy) throw error;
      await this.#apply(copy);
    }
    this.#kept = this.#keep();
  }

  async #readCopy(): Promise<ListedShard[] | null> {
    for (const { name, primary, replicas } of this.#options.shards) {
      await using server = new ShardServer(name, primary, replicas, { ...this.#options, prepare: async () => {} });
      await server.open();
      const list = await listShards(server).catch(() => []);
      if (list.length > 0) return list;
    }
    return null;
  }

  async #keep(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await sleep(REFRESH_MS, null, { signal }).catch(() => {});
      if (signal.aborted) return;
      await this.refresh().catch((error: unknown) => {
        if (!signal.aborted) portFailed({ port: 'database', operation: 'list of shards', error });
      });
    }
  }

  /** Reads the list, opens what is new on it, and tells the directory what this process has open. */
  async refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = null;
    });
    await this.#refreshing;
  }

  async #refresh(): Promise<void> {
    await this.#apply(await listShards(this.directory));
    const open = [...this.#open.values()].filter(({ db }) => db.isKnown).map(({ id }) => id);
    await registerProcess(this.directory, this.processId, open);
    await this.#copyList();
  }

  async #apply(listed: readonly ListedShard[]): Promise<void> {
    this.#listed = listed;
    await Promise.all(
      listed.map(async (shard) => {
        const open = this.#open.get(shard.id);
        const hosts = JSON.stringify(shard.hosts);
        if (shard.state === 'drained') {
          this.#open.delete(shard.id);
          if (open && open.db !== this.directory) await open.db[Symbol.asyncDispose]();
        } else if (open?.hosts === hosts) Object.assign(open, { weight: shard.weight, state: shard.state });
        else await this.#openShard(shard, hosts);
      }),
    );
  }

  async #openShard(listed: ListedShard, hosts: string): Promise<void> {
    const { id, name, weight, state } = listed;
    const before = this.#open.get(id);
    const isDirectory = sameHosts(hosts, this.#directoryHosts);
    const db = isDirectory
      ? this.directory
      : new ShardServer(name, listed.hosts.primary, listed.hosts.replicas, {
          ...this.#options,
          prepare: async (connection) => {
            await migrate(connection);
            await identify(connection, { cluster: this.#cluster, shard: id });
          },
        });
    if (!isDirectory) await db.open();
    else db.name = name;
    const shard: Open = { id, name, db, weight, state, hosts };
    this.#open.set(id, shard);
    if (before && before.db !== this.directory) await before.db[Symbol.asyncDispose]();
    await ensurePartitions(db).catch((error: unknown) =>
      portFailed({ port: 'database', operation: 'partitions', error }),
    );
    for (const listener of this.#listeners) listener(shard);
  }

  async #copyList(): Promise<void> {
    const list = JSON.stringify(this.#listed);
    if (list === this.#copied) return;
    const others = [...this.#open.values()].filter(({ db }) => db !== this.directory);
    const copied = await Promise.allSettled(others.map(({ db }) => copyShardList(db, this.#listed)));
    if (copied.every(({ status }) => status === 'fulfilled')) this.#copied = list;
  }

  get listed(): readonly ListedShard[] {
    return this.#listed;
  }

  status(): ShardStatus[] {
    return this.#inOrder().map(({ db }) => db.status());
  }

  all(): readonly Shard[] {
    return this.#inOrder();
  }

  #inOrder(): Open[] {
    return [...this.#open.values()].sort((a, b) => a.id - b.id);
  }

  onOpen(listener: (shard: Shard) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Where it belongs by hash, whether or not it is up. */
  preferred(userId: UserId): number {
    const [first] = this.#takers(userId);
    if (!first) throw new ChatError('database_unavailable', { details: { reason: 'no shard takes users' } });
    return first.id;
  }

  place(userId: UserId): number | null {
    const takers = this.#takers(userId);
    return (takers.find(({ db }) => db.isUp) ?? takers[0])?.id ?? null;
  }

  #takers(userId: UserId): Open[] {
    const takers = [...this.#open.values()].filter(({ state }) => state === 'active');
    return rendezvous(userId, takers);
  }

  forget(userId: UserId): void {
    this.#routing.forget(userId);
  }

  noteGone(userId: UserId): void {
    this.#routing.noteGone(userId);
  }

  isGone(userId: UserId): boolean {
    return this.#routing.isGone(userId);
  }

  locate(userId: UserId): Promise<Shard | null> {
    return this.#routing.locate(userId);
  }

  atHome<T>(userId: UserId, attempt: (db: Db) => Promise<T>, away: Away<T>): Promise<T | null> {
    return this.#routing.atHome(userId, attempt, away);
  }

  read<T>(userId: UserId, freshness: Freshness, none: T, attempt: (db: Db) => Promise<T>): Promise<T> {
    return this.#routing.read(userId, freshness, none, attempt);
  }

  makeHome(user: PlacedUser): Promise<void> {
    return this.#routing.makeHome(user);
  }

  async #opened(id: number): Promise<Open> {
    if (!this.#open.has(id)) await this.refresh();
    const shard = this.#open.get(id);
    if (shard) return shard;
    const details = {
      dependency: 'database',
      shard: this.#listed.find((each) => each.id === id)?.name ?? `number ${id}`,
    };
    throw new ChatError('database_unavailable', { details, retryAfterSeconds: 2 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#kept;
    await this.#refreshing?.catch(() => {});
    if (this.directory.isUp) await unregisterProcess(this.directory, this.processId).catch(() => {});
    for (const { db } of this.#open.values()) if (db !== this.directory) await db[Symbol.asyncDispose]();
    await this.directory[Symbol.asyncDispose]();
  }
}

/** The database keeps JSON with its keys in an order of its own. */
function sameHosts(one: string, other: string): boolean {
  const sorted = (value: unknown): unknown =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(
          Object.entries(value)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, each]) => [key, sorted(each)]),
        )
      : Array.isArray(value)
        ? value.map(sorted)
        : value;
  return JSON.stringify(sorted(JSON.parse(one))) === JSON.stringify(sorted(JSON.parse(other)));
}
