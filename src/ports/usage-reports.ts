import type { UserId, WorkspaceId } from './generations.ts';

/** What answers and vectors used and cost, answers as they are stored. Those who were deleted count no more. */
export interface UsageReports {
  /** Of vectors, which no generation tells of. A user who is gone is not counted. */
  countEmbedding(userId: UserId, use: EmbeddingUse): Promise<void>;

  /**
   * Sums of the days `from` to `to` (YYYY-MM-DD, both included, UTC, by the moment at which an answer was
   * stored), one for each value of what it is asked by; in the order of `by`. A user who is on the move between
   * shards at that moment is left out.
   */
  read(query: UsageQuery): Promise<readonly UsageSum[]>;
}

export const USAGE_DIMENSIONS = ['day', 'model', 'key'] as const;
export type UsageDimension = (typeof USAGE_DIMENSIONS)[number];

/** `keyId` null: the local user. */
export type EmbeddingUse = {
  workspaceId: WorkspaceId;
  keyId: string | null;
  model: string;
  promptTokens: number;
  cost: number;
};

export type UsageQuery = {
  workspaceId: WorkspaceId;
  from: string;
  to: string;
  /** Empty: one sum of all. */
  by: readonly UsageDimension[];
  userId?: UserId;
  keyId?: string;
};

/** Of what it was not asked by: null. `key`: null also where no key asked, but the local user. */
export type UsageSum = {
  day: string | null;
  model: string | null;
  key: string | null;
  generations: number;
  promptTokens: number;
  reusedTokens: number;
  completionTokens: number;
  cost: number;
};

/** Of several databases, or of single days: one sum for each group, in order. */
export function addUpUsage(rows: Iterable<UsageSum>, by: readonly UsageDimension[]): UsageSum[] {
  const sums = new Map<string, UsageSum>();
  for (const row of rows) {
    const name = JSON.stringify(by.map((dimension) => row[dimension]));
    const sum = sums.get(name);
    if (!sum) {
      const group = Object.fromEntries(USAGE_DIMENSIONS.map((each) => [each, by.includes(each) ? row[each] : null]));
      sums.set(name, { ...row, ...group });
      continue;
    }
    sum.generations += row.generations;
    sum.promptTokens += row.promptTokens;
    sum.reusedTokens += row.reusedTokens;
    sum.completionTokens += row.completionTokens;
    sum.cost += row.cost;
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum);
}
