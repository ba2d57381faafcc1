import type { Clock } from '../ports/clock.ts';
import type { Generation, GenerationId, WorkspaceId } from '../ports/generations.ts';
import type { BudgetPeriod, ReserveOutcome, TokenBudgets } from '../ports/token-budgets.ts';
import type { UsageReports } from '../ports/usage-reports.ts';
import type { KeyBudget } from '../ports/workspaces.ts';
import { ChatError } from '../protocol/errors.ts';
import { portFailed, rateLimited } from '../telemetry/events.ts';

export type BudgetPorts = { budgets: TokenBudgets; usage: UsageReports; clock: Clock };

export type BudgetRequest = {
  workspaceId: WorkspaceId;
  key: { id: string; budget: KeyBudget };
  id: GenerationId;
  /** Most that the answer can use: what is read, and all that may be written. */
  tokens: number;
  /** After this nobody is believed to settle it any more; milliseconds. */
  lapsesInMs: number;
};

/** How a key stands in the period in which it has the least left. */
export type BudgetStanding = { period: 'day' | 'month'; limit: number; remaining: number; resetSeconds: number };

type Period = BudgetPeriod & { kind: BudgetStanding['period']; from: string; endsAt: number };

export function hasBudget({ budget }: BudgetRequest['key']): boolean {
  return budget.tokensPerDay !== null || budget.tokensPerMonth !== null;
}

/**
 * Sets aside what an answer may use, in the key's day and month (UTC). Null: the key has no budget. Throws
 * `budget_exceeded` where that is more than is left.
 */
export async function reserveTokens(ports: BudgetPorts, request: BudgetRequest): Promise<BudgetStanding | null> {
  const now = ports.clock.now();
  const periods = periodsOf(request.key.budget, now);
  if (periods.length === 0) return null;
  const { id, tokens, lapsesInMs } = request;
  const reservation = { account: request.key.id, id, tokens, lapsesInMs, periods };
  let outcome = await ports.budgets.reserve(reservation);
  if (outcome.kind === 'unknown') {
    const used = await readUsed(ports.usage, request, periods, now);
    outcome = await ports.budgets.reserve({ ...reservation, used });
  }
  if (outcome.kind === 'unknown') throw new Error('what was used was told, and is unknown');
  const standing = standingOf(outcome, periods, now);
  if (outcome.kind === 'reserved') return standing;
  rateLimited({ scope: `budget-${standing.period}` });
  throw new ChatError('budget_exceeded', {
    retryAfterSeconds: standing.resetSeconds,
    details: { ...detailsOf(standing), needed: tokens },
  });
}

/** Nothing was accepted under that id: all of it is given back. Never rejects. */
export async function releaseTokens(ports: BudgetPorts, keyId: string, id: GenerationId): Promise<void> {
  await settle(ports, keyId, id, 0, []);
}

/** What was used counts in the periods of `at`, when it was asked for; the rest is given back. Never rejects. */
export async function settleUse(
  ports: { budgets: TokenBudgets },
  keyId: string,
  id: GenerationId,
  { used, at }: { used: number; at: number },
): Promise<void> {
  const both = { tokensPerDay: 1, tokensPerMonth: 1 };
  const periods = periodsOf(both, at).map(({ name }) => name);
  await settle(ports, keyId, id, used, periods);
}

/** It has ended: what it used counts, the rest is given back. Repeating it changes nothing. Never rejects. */
export async function settleTokens(ports: { budgets: TokenBudgets }, generation: Generation): Promise<void> {
  const { id, params, receipt, createdAt } = generation;
  if (params.account?.reservedTokens === undefined) return;
  const used = (receipt?.tokens.prompt ?? 0) + (receipt?.tokens.completion ?? 0);
  await settleUse(ports, params.account.keyId, id, { used, at: createdAt });
}

async function settle(
  { budgets }: { budgets: TokenBudgets },
  keyId: string,
  id: GenerationId,
  used: number,
  periods: readonly string[],
): Promise<void> {
  await budgets.settle(keyId, id, used, periods).catch((error: unknown) => {
    // It lapses, and what was used is read from where it is stored.
    portFailed({ port: 'budgets', operation: 'settle', generation: id, error });
  });
}

/** As it is stored with the answers, up to now. */
async function readUsed(
  usage: UsageReports,
  { workspaceId, key }: BudgetRequest,
  periods: readonly Period[],
  now: number,
): Promise<Record<string, number>> {
  const from = periods.map((period) => period.from).sort()[0]!;
  const days = await usage.read({ workspaceId, keyId: key.id, from, to: dayOf(now), by: ['day'] });
  const usedSince = (first: string) =>
    days.reduce((sum, { day, promptTokens, completionTokens }) => {
      return day! >= first ? sum + promptTokens + completionTokens : sum;
    }, 0);
  return Object.fromEntries(periods.map((period) => [period.name, usedSince(period.from)]));
}

function periodsOf({ tokensPerDay, tokensPerMonth }: KeyBudget, now: number): Period[] {
  const at = new Date(now);
  const day = dayOf(now);
  const month = day.slice(0, 7);
  const [year, index, date] = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()];
  const all = [
    { kind: 'day', name: `day:${day}`, limit: tokensPerDay, from: day, endsAt: Date.UTC(year, index, date + 1) },
    {
      kind: 'month',
      name: `month:${month}`,
      limit: tokensPerMonth,
      from: `${month}-01`,
      endsAt: Date.UTC(year, index + 1),
    },
  ] as const;
  return all.flatMap(({ limit, ...rest }) => (limit === null ? [] : [{ ...rest, limit }]));
}

function dayOf(now: number): string {
  return new Date(now).toISOString().slice(0, 10);
}

function standingOf(
  { period, remaining }: Exclude<ReserveOutcome, { kind: 'unknown' }>,
  periods: readonly Period[],
  now: number,
): BudgetStanding {
  const { kind, limit, endsAt } = periods.find(({ name }) => name === period)!;
  return { period: kind, limit, remaining, resetSeconds: Math.max(1, Math.ceil((endsAt - now) / 1000)) };
}

function detailsOf({ period, limit, remaining, resetSeconds }: BudgetStanding) {
  return { period, limit, remaining, reset_seconds: resetSeconds };
}
