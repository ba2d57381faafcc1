import type { MemoryGenerations } from '../../../src/adapters/memory/generations.ts';
import type { Away } from '../../../src/adapters/postgres/shards.ts';
import type {
  Answer,
  ClaimOutcome,
  DispatchWindow,
  FinishOutcome,
  Generation,
  GenerationId,
  GenerationRef,
  Generations,
  HeartbeatOutcome,
  Held,
  OwnerId,
  StopOutcome,
  UserId,
} from '../../../src/ports/generations.ts';
import type { Routes } from '../../../src/ports/routes.ts';
import type { Rule } from '../rules.ts';
import type { ReachedShard, ReachedShards } from './reach-shards.ts';
import { AWAY, type SimulatedShard } from './simulated-shard.ts';

type Standing = HeartbeatOutcome | 'away';

const RETAKE_MS = { least: 50, most: 1_000 };

/** As PostgresGenerations goes about its shards, on shards in memory. */
export class ShardedGenerations implements Generations {
  readonly #shards: ReachedShards;
  readonly #routes: Routes;
  readonly #without: Rule | undefined;

  constructor(shards: ReachedShards, routes: Routes, without?: Rule) {
    this.#shards = shards;
    this.#routes = routes;
    this.#without = without;
  }

  async own(owner: OwnerId): Promise<AsyncDisposable> {
    const { process, all } = this.#shards;
    const state = { isOver: false };
    const taken = await Promise.all(all.map((shard) => this.#takeLock(shard, owner, state)));
    if (!taken.includes(true)) throw new Error('no shard can be reached');
    return {
      [Symbol.asyncDispose]: async () => {
        state.isOver = true;
        await process.step();
        for (const shard of all) await shard.call(({ database }) => database.unlock(owner)).catch(() => {});
      },
    };
  }

  async #takeLock(shard: ReachedShard, owner: OwnerId, state: { isOver: boolean }): Promise<boolean> {
    const { process } = this.#shards;
    try {
      await shard.call(({ database }) => {
        database.lock(owner);
        process.onDeath(() => database.processDied(owner, process.noticedAfterMs));
      });
      return true;
    } catch {
      process.later(process.between(RETAKE_MS.least, RETAKE_MS.most), () => {
        if (!state.isOver) void this.#takeLock(shard, owner, state);
      });
      return false;
    }
  }

  async claim(ref: GenerationRef, owner: OwnerId): Promise<ClaimOutcome> {
    const claim = async ({ generations, witness }: SimulatedShard) => {
      const outcome = await generations.claim(ref, owner);
      if (outcome.kind === 'claimed') witness.claimed(ref.id, outcome.generation.epoch);
      return outcome;
    };
    const outcome = await this.#atHome(ref.userId, claim, 'once');
    if (outcome === AWAY) return { kind: 'moving' };
    return outcome ?? { kind: 'unknown' };
  }

  async raiseEpoch(held: Held, owner: OwnerId, above: number): Promise<number | null> {
    const outcome = await this.#atHome(held.userId, async ({ generations, witness }) => {
      const epoch = await generations.raiseEpoch(held, owner, above);
      if (epoch !== null) witness.raised(held.id, epoch);
      return epoch;
    });
    return outcome === AWAY ? null : outcome;
  }

  async heartbeat(owner: OwnerId, held: readonly Held[]): Promise<ReadonlyMap<GenerationId, HeartbeatOutcome>> {
    const outcomes = new Map<GenerationId, HeartbeatOutcome>();
    let asked = held;
    for (const look of ['first', 'last'] as const) {
      const away = await this.#heartbeatOnce(owner, asked, outcomes);
      if (away.length === 0) break;
      for (const { id, userId } of away) {
        if (look === 'last') outcomes.set(id, 'lost');
        this.#shards.routing.forget(userId);
      }
      asked = away;
    }
    return outcomes;
  }

  async #heartbeatOnce(owner: OwnerId, held: readonly Held[], outcomes: Map<GenerationId, HeartbeatOutcome>) {
    const away: Held[] = [];
    const perShard = new Map<ReachedShard, Held[]>();
    let answered = 0;
    let failure: unknown;
    await Promise.all(
      held.map(async (each) => {
        try {
          const shard = await this.#shards.routing.locate(each.userId);
          if (shard) perShard.set(shard, [...(perShard.get(shard) ?? []), each]);
          else outcomes.set(each.id, 'lost');
        } catch (error) {
          failure = error;
          outcomes.set(each.id, 'held');
        }
      }),
    );
    await Promise.all(
      [...perShard].map(async ([shard, theirs]) => {
        try {
          const standings = await shard.call((each) => heartbeatAt(each, owner, theirs));
          for (const each of theirs) {
            const standing = standings.get(each.id)!;
            if (standing === 'away') away.push(each);
            else if (standing === 'stop' && this.#without === 'stop-by-heartbeat') outcomes.set(each.id, 'held');
            else outcomes.set(each.id, standing);
          }
          answered += 1;
        } catch (error) {
          failure = error;
          for (const { id } of theirs) outcomes.set(id, 'held');
        }
      }),
    );
    if (answered === 0 && failure !== undefined) throw failure;
    return away;
  }

  async release(
    held: Held,
    owner: OwnerId,
    how: { delayMs: number; countAttempt: boolean; error?: string },
  ): Promise<boolean> {
    const outcome = await this.#atHome(held.userId, ({ generations }) => generations.release(held, owner, how));
    return outcome === true;
  }

  async finish(held: Held, owner: OwnerId, answer: Answer, window: DispatchWindow): Promise<FinishOutcome> {
    const outcome = await this.#atHome(held.userId, async ({ generations, witness }) => {
      const finished = await generations.finish(held, owner, answer, window);
      if (finished.kind === 'finished') witness.settled(held.id);
      return finished;
    });
    return outcome === AWAY || outcome === null ? { kind: 'fenced' } : outcome;
  }

  async stop(ref: GenerationRef, window: DispatchWindow): Promise<StopOutcome | null> {
    const outcome = await this.#atHome(ref.userId, async ({ generations, witness }) => {
      const stopped = await generations.stop(ref, window);
      if (stopped?.kind === 'cancelled') witness.settled(ref.id);
      if (stopped?.kind === 'running') witness.stopMarked(ref.id);
      return stopped;
    });
    return outcome === AWAY ? null : outcome;
  }

  async find(id: GenerationId): Promise<Generation | null> {
    const userId = await this.#routes.get(id).catch(() => null);
    const found = userId && (await this.#shards.routing.read(userId, 'newest', null, (shard) => findAt(shard, id)));
    return (found || (await this.#findEverywhere(id)))?.row ?? null;
  }

  async #findEverywhere(id: GenerationId): Promise<Found | null> {
    for (let looks = 2; looks > 0; looks--) {
      const asked = await Promise.allSettled(this.#shards.all.map((shard) => findAt(shard, id)));
      const found = asked.flatMap((each) => (each.status === 'fulfilled' && each.value ? [each.value] : []));
      const [latest] = found.sort((a, b) => b.homeEpoch - a.homeEpoch);
      if (latest) return latest;
      const failed = asked.find((each) => each.status === 'rejected');
      if (failed) throw failed.reason;
    }
    return null;
  }

  async #atHome<T>(
    userId: UserId,
    work: (shard: SimulatedShard) => Promise<T>,
    patience?: 'once',
  ): Promise<T | typeof AWAY | null> {
    const away: Away<T | typeof AWAY> = { isAway: (result) => result === AWAY, ...(patience && { patience }) };
    return await this.#shards.routing.atHome(userId, (shard) => shard.write(userId, work), away);
  }
}

/** `heartbeat_held`: of a user on the move nothing is renewed; the lease goes on at the new home. */
async function heartbeatAt(shard: SimulatedShard, owner: OwnerId, held: readonly Held[]) {
  const standings = new Map<GenerationId, Standing>();
  for (const each of held) {
    const state = shard.homes.get(each.userId)?.state;
    if (state === 'active') {
      for (const [id, standing] of await renewed(shard.generations, owner, each)) standings.set(id, standing);
    } else if (state === 'frozen') {
      const row = shard.database.generation(each);
      const isHeld = row?.state === 'running' && row.epoch === each.epoch && row.owner === owner;
      standings.set(each.id, !isHeld ? 'lost' : row.stopRequested ? 'stop' : 'held');
    } else standings.set(each.id, 'away');
  }
  return standings;
}

const renewed = (generations: MemoryGenerations, owner: OwnerId, held: Held) => generations.heartbeat(owner, [held]);

type Found = { row: Generation; homeEpoch: number };

async function findAt(shard: ReachedShard, id: GenerationId): Promise<Found | null> {
  return await shard.call(async ({ generations, homes }) => {
    const row = await generations.find(id);
    const home = row && homes.get(row.userId);
    return row && home?.state !== 'gone' ? { row, homeEpoch: home?.epoch ?? 0 } : null;
  });
}
