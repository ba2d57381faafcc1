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
} from '../../ports/generations.ts';
import type { Routes } from '../../ports/routes.ts';
import type { ChatMessage } from '../../protocol/chat-message.ts';
import type { Lane } from '../../protocol/generation.ts';
import { portFailed } from '../../telemetry/events.ts';
import { findArchivedGeneration } from './archive-lookup.ts';
import { type GenerationRow, generationColumns, toGeneration, toJobs, toWindow } from './generation-row.ts';
import { isUnavailable } from './moving.ts';
import { ownEverywhere } from './owner-lock.ts';
import { withPartitions } from './partitions.ts';
import type { Db, Statement, Value } from './pool.ts';
import type { Shard, Shards } from './shards.ts';
import { isUuid, storable, toJsonb } from './text.ts';
import { type TrustOptions, trusts } from './trust.ts';

const CLAIM: Statement = {
  name: 'claim',
  text: `SELECT r.outcome, r.delay_ms, r.question, r.question_parent, (r.generation).prompt, ${generationColumns('(r.generation)')}
    FROM claim_generation($1, $2, $3, $4, $5, $6) AS r`,
};
const RAISE: Statement = { name: 'raise_epoch', text: 'SELECT raise_epoch($1, $2, $3, $4, $5) AS epoch' };
const HEARTBEAT: Statement = {
  name: 'heartbeat',
  // A lost renewal is made up for by the next.
  text: 'SELECT held_id, standing FROM commit_soon(), heartbeat_held($1, $2::uuid[], $3::uuid[], $4::integer[], $5)',
};
const RELEASE: Statement = {
  name: 'release',
  text: 'SELECT release_generation($1, $2, $3, $4, $5, $6, $7) AS outcome',
};
const FINISH: Statement = {
  name: 'finish',
  text: `SELECT r.outcome, r.dispatched, ${generationColumns('(r.generation)')}
    FROM finish_generation($1, $2, $3, $4, $5::integer[], $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21) AS r`,
};
const STOP: Statement = {
  name: 'stop',
  text: `SELECT r.outcome, r.dispatched, ${generationColumns('(r.generation)')}
    FROM stop_generation($1, $2, $3::integer[]) AS r`,
};
const FIND: Statement = {
  name: 'find_generation',
  // Planned as a join, all conversations may be read for it.
  text: `SELECT ${generationColumns('g')}, coalesce(home.epoch, 0) AS home_epoch, home.state AS home_state FROM generations AS g
    CROSS JOIN LATERAL (SELECT FROM conversations AS c
      WHERE c.user_id = g.user_id AND c.id = g.conversation_id AND c.deleted_at IS NULL OFFSET 0) AS conversation
    LEFT JOIN LATERAL (SELECT * FROM user_home WHERE user_id = g.user_id OFFSET 0) AS home ON true
    WHERE g.id = $1 AND home.state IS DISTINCT FROM 'gone'`,
};

type Outcome = GenerationRow & {
  outcome: string;
  delay_ms: number | null;
  dispatched: { id: string; lane: Lane; tokens: number }[] | null;
};
type ClaimRow = Outcome & {
  prompt: readonly ChatMessage[] | null;
  question: string | null;
  question_parent: string | null;
};
type FoundRow = GenerationRow & { home_epoch: number };
type Standing = HeartbeatOutcome | 'away';
const ON_MOVE = -1;

export type GenerationsOptions = TrustOptions & {
  /** Where absent, every shard is asked for a generation of which only the id is known. */
  routes?: Routes;
};

export class PostgresGenerations implements Generations {
  readonly #shards: Shards;
  readonly #options: GenerationsOptions;

  constructor(shards: Shards, options: GenerationsOptions) {
    this.#shards = shards;
    this.#options = options;
  }

  async own(owner: OwnerId): Promise<AsyncDisposable> {
    return await ownEverywhere(this.#shards, owner);
  }

  async claim(ref: GenerationRef, owner: OwnerId): Promise<ClaimOutcome> {
    if (!isUuid(ref.id)) return { kind: 'unknown' };
    const row = await this.#shards.atHome(
      ref.userId,
      async (db) => {
        const trust = trusts(db, this.#options);
        const values = [ref.userId, ref.id, owner, this.#options.leaseMs, trust.locks, trust.leases];
        return only(await db.query<ClaimRow>(CLAIM, values));
      },
      { isAway: ({ outcome }) => outcome === 'moving', patience: 'once' },
    );
    switch (row?.outcome) {
      case undefined:
        return { kind: 'unknown' };
      case 'claimed':
        return {
          kind: 'claimed',
          generation: toGeneration(row),
          ...(row.prompt && { prompt: row.prompt }),
          ...(row.question !== null && { question: { parentId: row.question_parent, content: row.question } }),
        };
      case 'terminal':
        return { kind: 'terminal', generation: toGeneration(row) };
      case 'owned':
        return { kind: 'owned', owner: row.owner! };
      case 'not-due':
        return { kind: 'not-due', delayMs: Math.ceil(row.delay_ms!) };
      default:
        return { kind: row!.outcome as 'conversation-busy' | 'moving' | 'unknown' };
    }
  }

  async raiseEpoch(held: Held, owner: OwnerId, above: number): Promise<number | null> {
    const row = await this.#shards.atHome(
      held.userId,
      async (db) => only(await db.query<{ epoch: number | null }>(RAISE, [...keyOf(held, owner), above])),
      { isAway: ({ epoch }) => epoch === ON_MOVE },
    );
    return row?.epoch ?? null;
  }

  async heartbeat(owner: OwnerId, held: readonly Held[]): Promise<ReadonlyMap<GenerationId, HeartbeatOutcome>> {
    const outcomes = new Map<GenerationId, HeartbeatOutcome>();
    let asked = held;
    // A user who is not where this process thought is looked for, and asked for once more.
    for (const look of ['first', 'last'] as const) {
      const away = await this.#heartbeatOnce(owner, asked, outcomes);
      if (away.length === 0) break;
      for (const { id, userId } of away) {
        if (look === 'last') outcomes.set(id, 'lost');
        this.#shards.forget(userId);
      }
      asked = away;
    }
    return outcomes;
  }

  /** Each shard by itself: what one that is away holds, it goes on holding. Returns those whose home is elsewhere. */
  async #heartbeatOnce(
    owner: OwnerId,
    held: readonly Held[],
    outcomes: Map<GenerationId, HeartbeatOutcome>,
  ): Promise<Held[]> {
    const away: Held[] = [];
    const { perShard, gone, failures } = await byShard(this.#shards, held);
    for (const { id } of gone) outcomes.set(id, 'lost');
    for (const { item } of failures) outcomes.set(item.id, 'held');
    let answered = perShard.size === 0 && failures.length === 0 ? 1 : 0;
    let failure: unknown = failures[0]?.error;
    await Promise.all(
      [...perShard].map(async ([shard, theirs]) => {
        try {
          const { users, ids, epochs } = columnsOf(theirs);
          const values = [owner, users, ids, epochs, this.#options.leaseMs];
          const rows = await shard.db.query<{ held_id: string; standing: Standing }>(HEARTBEAT, values);
          const standings = new Map(rows.map(({ held_id, standing }) => [held_id, standing]));
          for (const each of theirs) {
            const standing = standings.get(each.id) ?? 'lost';
            if (standing === 'away') away.push(each);
            else outcomes.set(each.id, standing);
          }
          answered++;
        } catch (error) {
          failure = error;
          noteFailure(shard, 'heartbeat', error);
          for (const { id } of theirs) outcomes.set(id, 'held');
        }
      }),
    );
    if (answered === 0) throw failure;
    return away;
  }

  async release(
    held: Held,
    owner: OwnerId,
    how: { delayMs: number; countAttempt: boolean; error?: string },
  ): Promise<boolean> {
    const values = [
      ...keyOf(held, owner),
      how.delayMs,
      how.countAttempt,
      how.error === undefined ? null : storable(how.error),
    ];
    const row = await this.#atHome<{ outcome: string }>(held.userId, RELEASE, values);
    return row?.outcome === 'released';
  }

  async finish(held: Held, owner: OwnerId, answer: Answer, window: DispatchWindow): Promise<FinishOutcome> {
    const { usage, error } = answer;
    const values = [
      ...keyOf(held, owner),
      toWindow(window),
      answer.state,
      storable(answer.text),
      storable(answer.reasoning),
      toJsonb(answer.epochs),
      answer.model,
      answer.finishReason,
      usage?.promptTokens ?? null,
      usage?.reusedTokens ?? null,
      usage?.completionTokens ?? null,
      answer.prefillMs,
      answer.streamMs,
      answer.trimmedMessages,
      error?.code ?? null,
      error ? storable(error.message) : null,
      answer.deadLetter,
      toJsonb(answer.facts),
    ];
    const row = await this.#atHome<Outcome>(held.userId, FINISH, values, [held.id]);
    if (row?.outcome !== 'finished') return { kind: 'fenced' };
    return { kind: 'finished', generation: toGeneration(row), dispatched: toJobs(held.userId, row.dispatched) };
  }

  async stop(ref: GenerationRef, window: DispatchWindow): Promise<StopOutcome | null> {
    if (!isUuid(ref.id)) return null;
    const values = [ref.userId, ref.id, toWindow(window)];
    const row = await this.#atHome<Outcome>(ref.userId, STOP, values, [ref.id]);
    if (row === null) return null;
    if (row.outcome === 'unknown') return await this.#stopArchived(ref);
    const generation = toGeneration(row);
    switch (row.outcome) {
      case 'cancelled':
        return { kind: 'cancelled', generation, dispatched: toJobs(ref.userId, row.dispatched) };
      case 'running':
        return { kind: 'running', generation, owner: row.owner! };
      default:
        return { kind: 'terminal', generation };
    }
  }

  async #stopArchived({ id, userId }: GenerationRef): Promise<StopOutcome | null> {
    const row = await this.#shards.read(userId, 'newest', null, (db) => findArchivedGeneration(db, id));
    return row && row.user_id === userId ? { kind: 'terminal', generation: toGeneration(row) } : null;
  }

  async find(id: GenerationId): Promise<Generation | null> {
    if (!isUuid(id)) return null;
    const row = (await this.#findByRoute(id)) ?? (await this.#findEverywhere(id));
    return row && toGeneration(row);
  }

  async #findByRoute(id: GenerationId): Promise<GenerationRow | null> {
    const userId = await this.#options.routes?.get(id).catch(() => null);
    const shard = userId && (await this.#shards.locate(userId));
    if (!shard) return null;
    // Seen together with its user at home it is whole, and nobody has to look again.
    const [seen] = await shard.db.query<FoundRow & { home_state: string | null }>(FIND, [id]);
    if (seen?.home_state === 'active') return seen;
    const none: GenerationRow[] = [];
    const rows = await this.#shards.read(userId, 'newest', none, (db) => findOn(db, id));
    return rows[0] ?? null;
  }

  async #findEverywhere(id: GenerationId): Promise<GenerationRow | null> {
    const shards = this.#shards.all();
    // Twice: a move may pass by between the looks at two shards, or a thaw, but hardly a second time.
    for (let looks = 2; looks > 0; looks--) {
      const found = await Promise.allSettled(shards.map(({ db }) => findOn(db, id)));
      const rows = found.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
      // On the move it may be at both ends: the later home counts.
      const [row] = rows.sort((a, b) => b.home_epoch - a.home_epoch);
      if (row) return row;
      const failed = found.find((each) => each.status === 'rejected');
      if (failed) throw failed.reason;
    }
    return null;
  }

  async #atHome<Row extends { outcome: string }>(
    userId: string,
    statement: Statement,
    values: readonly Value[],
    messageIds: readonly string[] = [],
  ): Promise<Row | null> {
    return await this.#shards.atHome(
      userId,
      (db) => withPartitions(db, messageIds, async () => only(await db.query<Row>(statement, values))),
      { isAway: ({ outcome }) => outcome === 'moving' },
    );
  }
}

async function findOn(db: Db, id: GenerationId): Promise<FoundRow[]> {
  const live = await db.query<FoundRow>(FIND, [id]);
  if (live.length > 0) return live;
  const archived = await findArchivedGeneration(db, id);
  return archived ? [archived] : [];
}

/** `gone`: of users whom nobody knows. `failures`: where the user is cannot be told now. */
async function byShard(shards: Shards, held: readonly Held[]) {
  const perShard = new Map<Shard, Held[]>();
  const gone: Held[] = [];
  const failures: { item: Held; error: unknown }[] = [];
  await Promise.all(
    held.map(async (item) => {
      try {
        const shard = await shards.locate(item.userId);
        if (!shard) gone.push(item);
        else perShard.set(shard, [...(perShard.get(shard) ?? []), item]);
      } catch (error) {
        if (!isUnavailable(error)) throw error;
        failures.push({ item, error });
      }
    }),
  );
  return { perShard, gone, failures };
}

function noteFailure({ name }: Shard, operation: string, error: unknown): void {
  portFailed({ port: 'database', operation, reason: name, error });
}

function keyOf(held: Held, owner: OwnerId) {
  return [held.userId, held.id, held.epoch, owner];
}

function columnsOf(held: readonly Held[]) {
  return {
    users: held.map(({ userId }) => userId),
    ids: held.map(({ id }) => id),
    epochs: held.map(({ epoch }) => epoch),
  };
}

function only<Row>(rows: readonly Row[]): Row {
  const [row] = rows;
  if (!row) throw new Error('the statement returned no row');
  return row;
}
