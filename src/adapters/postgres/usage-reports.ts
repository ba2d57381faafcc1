import type { UserId } from '../../ports/generations.ts';
import {
  addUpUsage,
  type EmbeddingUse,
  type UsageQuery,
  type UsageReports,
  type UsageSum,
} from '../../ports/usage-reports.ts';
import type { Statement } from './pool.ts';
import type { Shards } from './shards.ts';
import { storable } from './text.ts';

/** At their home only: while somebody moves, their rows stand in two places. */
const READ: Statement = {
  name: 'read_usage',
  text: `SELECT CASE WHEN 'day' = ANY ($6::text[]) THEN u.day::text END AS day,
      CASE WHEN 'model' = ANY ($6::text[]) THEN u.model END AS model,
      CASE WHEN 'key' = ANY ($6::text[]) THEN nullif(u.key_id, '') END AS key,
      sum(u.generations)::bigint AS generations, sum(u.prompt_tokens)::bigint AS "promptTokens",
      sum(u.reused_tokens)::bigint AS "reusedTokens", sum(u.completion_tokens)::bigint AS "completionTokens",
      sum(u.cost) AS cost
    FROM usage_daily AS u JOIN user_home AS home ON home.user_id = u.user_id AND home.state = 'active'
    WHERE u.workspace_id = $1 AND u.day BETWEEN $2::date AND $3::date
      AND ($4::uuid IS NULL OR u.user_id = $4) AND ($5::text IS NULL OR u.key_id = $5)
    GROUP BY 1, 2, 3`,
};

const COUNT_EMBEDDING: Statement = {
  name: 'count_embedding',
  text: 'SELECT count_embedding($1, $2, $3, $4, $5, $6) AS home',
};

export class PostgresUsageReports implements UsageReports {
  readonly #shards: Shards;

  constructor(shards: Shards) {
    this.#shards = shards;
  }

  async countEmbedding(userId: UserId, use: EmbeddingUse): Promise<void> {
    const { workspaceId, model, keyId, promptTokens, cost } = use;
    const values = [userId, workspaceId, storable(model), keyId, promptTokens, cost];
    await this.#shards.atHome(userId, async (db) => (await db.query<{ home: string }>(COUNT_EMBEDDING, values))[0]!, {
      isAway: ({ home }) => home !== 'active',
    });
  }

  async read({ workspaceId, from, to, by, userId, keyId }: UsageQuery): Promise<readonly UsageSum[]> {
    const values = [workspaceId, from, to, userId ?? null, keyId ?? null, [...by]];
    const found = await Promise.all(this.#shards.all().map(({ db }) => db.query<UsageSum>(READ, values)));
    return addUpUsage(found.flat(), by);
  }
}
