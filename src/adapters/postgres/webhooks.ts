import type { GenerationId } from '../../ports/generations.ts';
import type { DeadWebhook, DueWebhook, WebhookOutcome, Webhooks } from '../../ports/webhooks.ts';
import { portFailed } from '../../telemetry/events.ts';
import { fill } from './fill.ts';
import { type GenerationRow, generationColumns, toGeneration } from './generation-row.ts';
import type { Statement } from './pool.ts';
import type { Shard, Shards } from './shards.ts';
import { isUuid, storable } from './text.ts';

const COLUMNS = `${generationColumns('g')}, g.webhook_url, g.webhook_attempts, g.webhook_error`;
const CLAIM: Statement = {
  name: 'claim_webhooks',
  text: `SELECT ${COLUMNS} FROM claim_webhooks($1, $2 * interval '1 ms') AS g`,
};
const SETTLE: Statement = {
  name: 'settle_webhook',
  text: "SELECT settle_webhook($1, $2, $3, $4, $5 * interval '1 ms', $6) AS home",
};
const DEAD: Statement = {
  name: 'dead_webhooks',
  text: `SELECT ${COLUMNS} FROM generations AS g
    JOIN user_home AS home ON home.user_id = g.user_id AND home.state = 'active'
    WHERE g.webhook_outcome = 'dead' AND ($1::uuid IS NULL OR g.id < $1) ORDER BY g.id DESC LIMIT $2`,
};
const FIND: Statement = {
  name: 'find_dead_webhook',
  text: `SELECT g.user_id FROM generations AS g
    JOIN user_home AS home ON home.user_id = g.user_id AND home.state = 'active'
    WHERE g.id = $1 AND g.webhook_outcome = 'dead'`,
};
const REPLAY: Statement = { name: 'replay_webhook', text: 'SELECT home, done FROM replay_webhook($1, $2)' };

type WebhookRow = GenerationRow & { webhook_url: string; webhook_attempts: number; webhook_error: string | null };
const LONGEST_ERROR = 500;

export class PostgresWebhooks implements Webhooks {
  readonly #shards: Shards;

  constructor(shards: Shards) {
    this.#shards = shards;
  }

  /** A shard that is away costs the others nothing. */
  async claim(limit: number, leaseMs: number): Promise<readonly DueWebhook[]> {
    const onError = ({ name }: Shard, error: unknown) =>
      portFailed({ port: 'database', operation: 'claim webhooks', reason: name, error });
    const rows = await fill(this.#shards.all(), limit, onError, ({ db }, share) =>
      db.query<WebhookRow>(CLAIM, [share, leaseMs]),
    );
    return rows.map(toDue);
  }

  async settle({ generation: { id, userId }, attempt }: DueWebhook, outcome: WebhookOutcome): Promise<void> {
    const values = [
      userId,
      id,
      attempt,
      outcome.kind === 'retry' ? null : outcome.kind,
      outcome.kind === 'retry' ? outcome.delayMs : null,
      outcome.kind === 'delivered' ? null : storable(outcome.error.slice(0, LONGEST_ERROR)),
    ];
    await this.#shards.atHome(userId, async (db) => (await db.query<{ home: string }>(SETTLE, values))[0]!, {
      isAway: ({ home }) => home !== 'active',
    });
  }

  async dead({ before, limit }: { before?: GenerationId; limit: number }): Promise<readonly DeadWebhook[]> {
    const rows = await Promise.all(
      this.#shards.all().map(({ db }) => db.query<WebhookRow>(DEAD, [before ?? null, limit])),
    );
    const newestFirst = rows.flat().sort((a, b) => (a.id < b.id ? 1 : -1));
    return newestFirst.slice(0, limit).map((row) => ({ ...toDue(row), error: row.webhook_error ?? '' }));
  }

  async replay(id: GenerationId): Promise<boolean> {
    if (!isUuid(id)) return false;
    const found = await Promise.all(this.#shards.all().map(({ db }) => db.query<{ user_id: string }>(FIND, [id])));
    const [row] = found.flat();
    if (!row) return false;
    type Replayed = { home: string; done: boolean };
    const replayed = await this.#shards.atHome(
      row.user_id,
      async (db) => (await db.query<Replayed>(REPLAY, [row.user_id, id]))[0]!,
      { isAway: ({ home }) => home !== 'active' },
    );
    return replayed?.done ?? false;
  }
}

function toDue(row: WebhookRow): DueWebhook {
  return { generation: toGeneration(row), url: row.webhook_url, attempt: row.webhook_attempts };
}
