import { addUpUsage, type UsageQuery, type UsageReports, type UsageSum } from '../../ports/usage-reports.ts';
import type { Usage } from '../../protocol/generation.ts';
import type { GenerationRow, MemoryDatabase } from './database.ts';

export class MemoryUsageReports implements UsageReports {
  readonly #database: MemoryDatabase;

  constructor(database: MemoryDatabase) {
    this.#database = database;
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
export function countUsage(row: GenerationRow, model: string, usage: Usage, cost: number, now: number): void {
  const day = new Date(now).toISOString().slice(0, 10);
  const key = row.params.account?.keyId ?? null;
  const name = JSON.stringify([day, model, key]);
  const before = row.user.usage.get(name);
  row.user.usage.set(name, {
    day,
    model,
    key,
    generations: (before?.generations ?? 0) + 1,
    promptTokens: (before?.promptTokens ?? 0) + usage.promptTokens,
    reusedTokens: (before?.reusedTokens ?? 0) + usage.reusedTokens,
    completionTokens: (before?.completionTokens ?? 0) + usage.completionTokens,
    cost: (before?.cost ?? 0) + cost,
  });
}
