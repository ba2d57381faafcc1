import type { UserId } from '../../ports/generations.ts';
import {
  addUpUsage,
  type EmbeddingUse,
  type UsageQuery,
  type UsageReports,
  type UsageSum,
} from '../../ports/usage-reports.ts';
import type { Usage } from '../../protocol/generation.ts';
import type { GenerationRow, MemoryDatabase, UserRow } from './database.ts';

export class MemoryUsageReports implements UsageReports {
  readonly #database: MemoryDatabase;

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  async countEmbedding(userId: UserId, { model, keyId, promptTokens, cost }: EmbeddingUse): Promise<void> {
    const user = this.#database.residents().find(({ id }) => id === userId);
    const use = { generations: 0, model, keyId, promptTokens, reusedTokens: 0, completionTokens: 0, cost };
    if (user) add(user, use, this.#database.now());
  }

  async read({ workspaceId, from, to, by, userId, keyId }: UsageQuery): Promise<readonly UsageSum[]> {
    const users = this.#database.residents().filter((user) => {
      return user.workspaceId === workspaceId && (userId === undefined || user.id === userId);
    });
    const rows = users.flatMap(({ usage }) => [...usage.values()]);
    const asked = rows.filter(({ day, key }) => {
      return from <= day! && day! <= to && (keyId === undefined || key === keyId);
    });
    return addUpUsage(asked, by);
  }
}

/** In the transaction that stores the answer. */
export function countAnswer(
  { user, params }: GenerationRow,
  model: string,
  usage: Usage,
  cost: number,
  now: number,
): void {
  add(user, { generations: 1, model, keyId: params.account?.keyId ?? null, ...usage, cost }, now);
}

type Use = Usage & { generations: number; model: string; keyId: string | null; cost: number };

function add({ usage }: UserRow, { model, keyId: key, ...figures }: Use, now: number): void {
  const day = new Date(now).toISOString().slice(0, 10);
  const name = JSON.stringify([day, model, key]);
  const before = usage.get(name);
  usage.set(name, {
    day,
    model,
    key,
    generations: (before?.generations ?? 0) + figures.generations,
    promptTokens: (before?.promptTokens ?? 0) + figures.promptTokens,
    reusedTokens: (before?.reusedTokens ?? 0) + figures.reusedTokens,
    completionTokens: (before?.completionTokens ?? 0) + figures.completionTokens,
    cost: (before?.cost ?? 0) + figures.cost,
  });
}
