import { BrokenCircuitError } from 'cockatiel';
import { UserRouting } from '../../../src/adapters/postgres/user-routing.ts';
import type { UserId } from '../../../src/ports/generations.ts';
import { ChatError } from '../../../src/protocol/errors.ts';
import type { SimulatedProcess } from '../simulated-process.ts';
import type { SimulatedDirectory } from './simulated-directory.ts';
import type { AWAY, SimulatedShard } from './simulated-shard.ts';

/** Until a process that looks at a shard all the time has seen that it is away, and fails calls at once. */
const NOTICED_AFTER_MS = 500;

/** One shard as one process reaches it. */
export class ReachedShard {
  readonly id: number;
  readonly name: string;
  readonly weight = 1;
  readonly db = this;
  readonly #process: SimulatedProcess;
  readonly #shard: SimulatedShard;

  constructor(process: SimulatedProcess, shard: SimulatedShard) {
    this.id = shard.id;
    this.name = shard.name;
    this.#process = process;
    this.#shard = shard;
  }

  /** By what this process has seen. */
  get isUp(): boolean {
    return !this.#isKnownDown();
  }

  /** One statement. Throws `database_unavailable`, also where it was carried out and the answer is lost. */
  async call<T>(work: (shard: SimulatedShard) => T | Promise<T>): Promise<T> {
    await this.#process.step();
    if (this.#shard.downSince !== null) {
      throw unavailable(this.#isKnownDown() ? new BrokenCircuitError() : new Error('connection refused'));
    }
    const answer = await settled(() => work(this.#shard));
    const isLost = this.#process.chance(this.#shard.losesReplies);
    await this.#process.step();
    if (isLost || this.#shard.downSince !== null) throw unavailable(new Error('the connection broke'));
    return answer();
  }

  write<T>(userId: UserId, work: (shard: SimulatedShard) => Promise<T>): Promise<T | typeof AWAY> {
    return this.call((shard) => shard.write(userId, work));
  }

  #isKnownDown(): boolean {
    const { downSince } = this.#shard;
    return downSince !== null && this.#process.now - downSince > NOTICED_AFTER_MS;
  }
}

/** The databases as one process sees them: what a `ShardSet` is to the PostgreSQL adapters. */
export type ReachedShards = {
  process: SimulatedProcess;
  all: readonly ReachedShard[];
  directory: <T>(work: (directory: SimulatedDirectory) => T) => Promise<T>;
  routing: UserRouting<ReachedShard, ReachedShard>;
};

export function reachShards(
  process: SimulatedProcess,
  shards: readonly SimulatedShard[],
  directory: SimulatedDirectory,
): ReachedShards {
  const all = shards.map((shard) => new ReachedShard(process, shard));
  const ask: ReachedShards['directory'] = async (work) => {
    await process.step();
    if (directory.isDown) throw unavailable(new Error('the directory is away'));
    const answer = work(directory);
    await process.step();
    if (directory.isDown) throw unavailable(new Error('the directory went away'));
    return answer;
  };
  const routing = new UserRouting<ReachedShard, ReachedShard>({
    shards: () => all,
    opened: async (id) => all[id]!,
    findUser: (userId) => ask(({ users }) => users.get(userId) ?? null),
    homeOf: (shard, userId) => shard.call(({ homes }) => homes.get(userId) ?? null),
    makeHome: (shard, user) => shard.call((each) => each.makeHome(user)),
    standby: () => null,
    clock: process.waitClock(),
    maxKnown: 1_000,
    maxGone: 1_000,
  });
  return { process, all, directory: ask, routing };
}

export function unavailable(cause: unknown): ChatError {
  return new ChatError('database_unavailable', { cause, retryAfterSeconds: 2 });
}

async function settled<T>(work: () => T | Promise<T>): Promise<() => T> {
  try {
    const value = await work();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}
