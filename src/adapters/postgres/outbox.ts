import type { ConversationId, DispatchWindow, GenerationJob, UserId } from '../../ports/generations.ts';
import type { Acceptance, Accepted, Outbox, Published, SweepOptions, Swept } from '../../ports/outbox.ts';
import type { Routes } from '../../ports/routes.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { Lane } from '../../protocol/generation.ts';
import { portFailed } from '../../telemetry/events.ts';
import { withThawed } from './archive-lookup.ts';
import { isConversationNumber } from './conversation-row.ts';
import { fill } from './fill.ts';
import { type GenerationRow, generationColumns, toGeneration, toJobs, toWindow } from './generation-row.ts';
import { beingDeleted } from './moving.ts';
import { withPartitions } from './partitions.ts';
import type { Db, Statement, Value } from './pool.ts';
import { PublishMarks } from './publish-marks.ts';
import { endTemporary } from './purge.ts';
import type { Shard, Shards } from './shards.ts';
import { isUuid, storable, toJsonb } from './text.ts';
import { type TrustOptions, trusts } from './trust.ts';

const ACCEPT: Statement = {
  name: 'accept',
  text: `SELECT r.outcome, r.waiting, r.dispatched, ${generationColumns('(r.generation)')}
    FROM accept_request($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17::integer[], $18, $19, $20, $21, $22) AS r`,
};
const DISPATCH_NEXT: Statement = {
  name: 'dispatch_next',
  text: 'SELECT home, jobs FROM dispatch_next($1, $2::integer[])',
};
const MAKE_INDIRECT: Statement = {
  name: 'make_indirect',
  text: 'SELECT home, jobs FROM make_indirect($1, $2, $3::integer[])',
};
const MARK_PUBLISHED: Statement = {
  name: 'mark_published',
  // A lost mark is a generation that is published again.
  text: 'SELECT user_id FROM commit_soon(), note_published($1::uuid[], $2::uuid[], $3::bigint[]) AS user_id',
};
const SWEEP_STALLED: Statement = {
  name: 'sweep_stalled',
  text: `SELECT stalled_id AS id, stalled_user AS "userId", stalled_lane AS lane
    FROM sweep_stalled($1, $2, $3 * interval '1 ms', $4 * interval '1 ms', $5, $6, $7, $8)`,
};
const SWEEP_WAITING: Statement = {
  name: 'sweep_waiting',
  text: 'SELECT user_id FROM sweep_waiting($1, $2) AS user_id',
};
const FORGET_TRANSIENT: Statement = {
  name: 'forget_transient',
  text: "SELECT id FROM forget_transient($1 * interval '1 ms', $2) AS id",
};
const COUNT_WAITING: Statement = { name: 'count_waiting', text: 'SELECT count_waiting($1, NULL) AS waiting' };

type AcceptedRow = GenerationRow & {
  outcome: string;
  waiting: number;
  dispatched: { id: string; lane: Lane; tokens: number }[];
};
type DispatchedRow = { home: string; jobs: { id: string; lane: Lane; tokens: number }[] | null };

export type OutboxOptions = TrustOptions & {
  /** Until a row that was swept once is due again; doubles each time. */
  sweepBackoffMs: number;
  routes?: Routes;
};

const ROUTE_TTL_MS = 24 * 60 * 60 * 1000;

export class PostgresOutbox implements Outbox {
  readonly #shards: Shards;
  readonly #options: OutboxOptions;
  readonly #marks = new PublishMarks((published) => this.#mark(published));

  constructor(shards: Shards, options: OutboxOptions) {
    this.#shards = shards;
    this.#options = options;
  }

  async accept(acceptance: Acceptance): Promise<Accepted> {
    refuseForeignIds(acceptance);
    const { userId, generationId, request, conversation } = acceptance;
    if ('number' in conversation && !isConversationNumber(conversation.number))
      throw new ChatError('conversation_not_found');
    const ids = request.kind === 'message' ? [request.id, generationId] : [generationId];
    const values = acceptValues(acceptance);
    const accept = (db: Db) => withPartitions(db, ids, async () => (await db.query<AcceptedRow>(ACCEPT, values))[0]!);
    const named = namedMessage(acceptance);
    const row = await this.#shards.atHome(
      userId,
      (db) =>
        named === null
          ? accept(db)
          : withThawed(
              db,
              named,
              () => accept(db),
              ({ outcome }) => outcome === 'message_not_found',
            ),
      { isAway: ({ outcome }) => outcome === 'moving' },
    );
    switch (row?.outcome) {
      case 'accepted':
        this.#options.routes?.put(generationId, userId, ROUTE_TTL_MS).catch(() => {});
        return { generation: toGeneration(row), dispatched: toJobs(userId, row.dispatched), replayed: false };
      case 'replayed':
        return { generation: toGeneration(row), dispatched: [], replayed: true };
      case 'too_many_waiting':
        throw new ChatError('too_many_waiting', { details: { waiting: row.waiting, limit: acceptance.maxWaiting } });
      case 'conversation_not_found':
      case 'message_not_found':
      case 'idempotency_conflict':
        throw new ChatError(row.outcome);
      default:
        throw beingDeleted();
    }
  }

  async dispatchNext(userId: UserId, window: DispatchWindow): Promise<readonly GenerationJob[]> {
    return await this.#dispatch(userId, DISPATCH_NEXT, [userId, toWindow(window)]);
  }

  async markPublished(published: readonly Published[]): Promise<void> {
    await this.#marks.add(published);
  }

  async #mark(published: readonly Published[]): Promise<void> {
    const elsewhere = await this.#markOnce(published);
    // What is not marked now is published again by the sweeper.
    if (elsewhere.length > 0) await this.#markOnce(elsewhere);
  }

  /** Returns those whose user was not where this process thought. */
  async #markOnce(published: readonly Published[]): Promise<Published[]> {
    const perShard = new Map<Shard, Published[]>();
    for (const each of published) {
      const shard = await this.#shards.locate(each.userId);
      if (shard) perShard.set(shard, [...(perShard.get(shard) ?? []), each]);
    }
    const elsewhere = await Promise.all(
      [...perShard].map(async ([{ db }, theirs]) => {
        const rows = await db.query<{ user_id: string }>(MARK_PUBLISHED, [
          theirs.map(({ userId }) => userId),
          theirs.map(({ id }) => id),
          theirs.map(({ ticket }) => ticket),
        ]);
        const away = new Set(rows.map(({ user_id }) => user_id));
        for (const userId of away) this.#shards.forget(userId);
        return theirs.filter(({ userId }) => away.has(userId));
      }),
    );
    return elsewhere.flat();
  }

  async makeIndirect(job: GenerationJob, window: DispatchWindow): Promise<readonly GenerationJob[]> {
    return await this.#dispatch(job.userId, MAKE_INDIRECT, [job.userId, job.id, toWindow(window)]);
  }

  async sweep(options: SweepOptions): Promise<Swept> {
    const { sweepBackoffMs } = this.#options;
    const failures: { shard: Shard; error: unknown }[] = [];
    const shards = this.#shards.all();
    const onError = (shard: Shard, error: unknown) => failures.push({ shard, error });
    const [stalled, waiting] = await Promise.all([
      fill(shards, options.limit, onError, ({ db }, limit) => {
        const trust = trusts(db, this.#options);
        return db.query<GenerationJob>(SWEEP_STALLED, [
          options.owner,
          limit,
          options.unconfirmedAfterMs,
          options.unclaimedAfterMs,
          options.queueLost,
          sweepBackoffMs,
          trust.locks,
          trust.leases,
        ]);
      }),
      fill(shards, options.limit, onError, ({ db }, limit) =>
        db.query<{ user_id: string }>(SWEEP_WAITING, [limit, sweepBackoffMs]),
      ),
    ]);
    const away = new Set(failures.map(({ shard }) => shard));
    if (away.size > 0 && away.size === shards.length) throw failures[0]!.error;
    for (const { shard, error } of failures)
      portFailed({ port: 'database', operation: 'sweep', reason: shard.name, error });
    return { stalled, waitingUsers: waiting.map(({ user_id }) => user_id) };
  }

  /** A shard that is away costs the others nothing. */
  async forgetTransient(afterMs: number, limit: number): Promise<number> {
    const onError = ({ name }: Shard, error: unknown) =>
      portFailed({ port: 'database', operation: 'forget transient', reason: name, error });
    const gone = await fill(this.#shards.all(), limit, onError, ({ db }, share) =>
      db.query<{ id: string }>(FORGET_TRANSIENT, [afterMs, share]),
    );
    return gone.length;
  }

  async forgetTemporary(afterMs: number, limit: number): Promise<readonly ConversationId[]> {
    const onError = ({ name }: Shard, error: unknown) =>
      portFailed({ port: 'database', operation: 'forget temporary', reason: name, error });
    const gone = await fill(this.#shards.all(), limit, onError, ({ db }, share) => endTemporary(db, afterMs, share));
    return gone.map(({ id }) => id);
  }

  async countWaiting(userId: UserId): Promise<number> {
    return await this.#shards.read(userId, 'newest', 0, async (db) => {
      const [row] = await db.query<{ waiting: number }>(COUNT_WAITING, [userId]);
      return row!.waiting;
    });
  }

  async #dispatch(userId: UserId, statement: Statement, values: readonly Value[]): Promise<readonly GenerationJob[]> {
    const row = await this.#shards.atHome(
      userId,
      async (db) => (await db.query<DispatchedRow>(statement, values))[0]!,
      { isAway: ({ home }) => home !== 'active' },
    );
    // Deleted meanwhile, with all that could be dispatched.
    if (!row) return [];
    return toJobs(userId, row.jobs);
  }
}

/** What callers hand in is looked for; a form that no id has is not found, rather than a failure. */
function refuseForeignIds({ request }: Acceptance): void {
  const named = request.kind === 'regenerate' ? request.messageId : request.parentId;
  if (typeof named === 'string' && !isUuid(named)) throw new ChatError('message_not_found');
}

/** The message of an existing conversation that is answered or followed: it may be archived. */
function namedMessage({ userId, conversation, request }: Acceptance) {
  const messageId = request.kind === 'regenerate' ? request.messageId : request.parentId;
  if (typeof messageId !== 'string' || !('number' in conversation)) return null;
  return { userId, number: conversation.number, messageId };
}

function acceptValues(acceptance: Acceptance): Value[] {
  const { conversation, request, idempotency } = acceptance;
  const into =
    'number' in conversation
      ? { number: conversation.number, id: null, title: null }
      : { number: null, id: conversation.newId, title: storable(conversation.title) };
  const asked =
    request.kind === 'message'
      ? [request.id, storable(request.content), request.parentId !== undefined, request.parentId ?? null]
      : [request.messageId, null, false, null];
  return [
    acceptance.workspaceId,
    acceptance.userId,
    acceptance.generationId,
    into.number,
    into.id,
    into.title,
    ...asked,
    acceptance.lane,
    acceptance.direct,
    toJsonb(acceptance.params),
    acceptance.positionAtArrival,
    idempotency ? storable(idempotency.key) : null,
    idempotency?.bodyHash ?? null,
    toWindow(acceptance.window),
    acceptance.maxWaiting,
    acceptance.prompt ? toJsonb(acceptance.prompt) : null,
    'newId' in conversation && conversation.transient === true,
    acceptance.webhookUrl === undefined ? null : storable(acceptance.webhookUrl),
    'newId' in conversation && conversation.begin ? toJsonb(conversation.begin) : null,
  ];
}
