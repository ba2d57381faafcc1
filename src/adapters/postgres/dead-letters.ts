import type { DeadLetters } from '../../ports/dead-letters.ts';
import type { Generation, GenerationId, GenerationJob, WorkspaceId } from '../../ports/generations.ts';
import type { Lane } from '../../protocol/generation.ts';
import { type GenerationRow, generationColumns, toGeneration } from './generation-row.ts';
import type { Statement } from './pool.ts';
import type { Shards } from './shards.ts';
import { isUuid } from './text.ts';

/** From the few dead ones on: planned as a join, all conversations may be read for them. */
const VISIBLE = `generations AS g
  CROSS JOIN LATERAL (SELECT FROM conversations AS c
    WHERE c.user_id = g.user_id AND c.id = g.conversation_id AND c.deleted_at IS NULL OFFSET 0) AS conversation
  CROSS JOIN LATERAL (SELECT FROM user_home WHERE user_id = g.user_id AND state = 'active' OFFSET 0) AS home
  WHERE g.dead_letter`;
const LIST: Statement = {
  name: 'list_dead_letters',
  text: `SELECT ${generationColumns('g')} FROM ${VISIBLE}
    AND ($1::uuid IS NULL OR g.workspace_id = $1) AND ($2::uuid IS NULL OR g.id < $2)
    ORDER BY g.id DESC LIMIT $3`,
};
const COUNT: Statement = { name: 'count_dead_letters', text: `SELECT count(*) AS count FROM ${VISIBLE}` };
const FIND: Statement = { name: 'find_dead_letter', text: `SELECT g.user_id, g.lane FROM ${VISIBLE} AND g.id = $1` };
const REPLAY: Statement = { name: 'replay_dead_letter', text: 'SELECT replay_dead_letter($1, $2) AS outcome' };

type FoundRow = { user_id: string; lane: Lane };

export class PostgresDeadLetters implements DeadLetters {
  readonly #shards: Shards;

  constructor(shards: Shards) {
    this.#shards = shards;
  }

  async list(page: {
    workspaceId?: WorkspaceId;
    before?: GenerationId;
    limit: number;
  }): Promise<readonly Generation[]> {
    const ids = [page.workspaceId, page.before].filter((id) => id !== undefined);
    if (!ids.every(isUuid)) return [];
    const values = [page.workspaceId ?? null, page.before ?? null, page.limit];
    const found = await Promise.all(this.#shards.all().map(({ db }) => db.query<GenerationRow>(LIST, values)));
    const newestFirst = found.flat().sort((a, b) => (a.id < b.id ? 1 : -1));
    return newestFirst.slice(0, page.limit).map(toGeneration);
  }

  async count(): Promise<number> {
    const counts = await Promise.all(this.#shards.all().map(({ db }) => db.query<{ count: number }>(COUNT, [])));
    return counts.flat().reduce((sum, { count }) => sum + count, 0);
  }

  async replay(id: GenerationId): Promise<GenerationJob | null> {
    if (!isUuid(id)) return null;
    const found = await this.#findEverywhere(id);
    if (!found) return null;
    const row = await this.#shards.atHome(
      found.user_id,
      async (db) => (await db.query<{ outcome: string }>(REPLAY, [found.user_id, id]))[0]!,
      { isAway: ({ outcome }) => outcome === 'moving' },
    );
    return row?.outcome === 'replayed' ? { id, userId: found.user_id, lane: found.lane } : null;
  }

  async #findEverywhere(id: GenerationId): Promise<FoundRow | null> {
    const found = await Promise.allSettled(this.#shards.all().map(({ db }) => db.query<FoundRow>(FIND, [id])));
    const [row] = found.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
    const failed = found.find((each) => each.status === 'rejected');
    if (!row && failed) throw failed.reason;
    return row ?? null;
  }
}
