import { USAGE_DIMENSIONS, type UsageDimension, type UsageSum } from '../../ports/usage-reports.ts';
import { ChatError } from '../../protocol/errors.ts';
import { usageQuery } from '../../protocol/requests.ts';
import { usageSchema } from '../../protocol/resources.ts';
import { allowUser } from '../auth.ts';
import type { Caller } from '../caller.ts';
import { EXAMPLE_USAGE } from '../examples.ts';
import type { Http } from '../http.ts';
import { usageItem } from '../represent.ts';
import { defineRoute, ok } from '../route.ts';

const DAY_MS = 24 * 60 * 60_000;
const ORDINARY_DAYS = 30;
const MOST_DAYS = 366;

export const getUsage = defineRoute({
  id: 'getUsage',
  method: 'GET',
  path: '/usage',
  group: 'Usage',
  summary: 'Tokens and cost by day, model and key',
  description:
    "Of the key's own workspace, over days in UTC, each answer on the day on which it was stored. A session, and the local user, see their own. Users who were deleted are not counted any more.",
  access: 'key',
  query: usageQuery,
  responses: { 200: { description: 'Sums.', schema: usageSchema, example: EXAMPLE_USAGE } },
  errors: ['forbidden_user'],
  example: { query: { by: 'day,model', from: '2026-03-01' } },
  async handle(http, { caller, query }) {
    const days = daysOf(http, query);
    const by = dimensionsOf(query.by);
    const who = await whose(http, caller, query.user_id);
    const keyId = query.key === undefined ? {} : { keyId: query.key };
    const sums =
      who === 'nobody'
        ? []
        : await http.deps.ports.usage.read({ workspaceId: caller.workspace.id, ...days, by, ...who, ...keyId });
    return ok({ ...days, items: sums.map((sum) => usageItem(sum, by)), total: usageItem(totalOf(sums), []) });
  },
});

function daysOf({ deps }: Http, query: { from?: string; to?: string }): { from: string; to: string } {
  const to = checkDay('to', query.to ?? dayOf(deps.ports.clock.now()));
  const from = checkDay('from', query.from ?? dayOf(Date.parse(to) - (ORDINARY_DAYS - 1) * DAY_MS));
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
  if (days < 1) throw refused('from', 'must not be after `to`');
  if (days > MOST_DAYS) throw refused('from', `at most ${MOST_DAYS} days at once`);
  return { from, to };
}

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** The pattern allows a 31st of February. */
function checkDay(field: string, day: string): string {
  const at = Date.parse(day);
  if (Number.isNaN(at) || dayOf(at) !== day) throw refused(field, 'is no day of the calendar');
  return day;
}

function dimensionsOf(by = 'day'): UsageDimension[] {
  const asked = by.split(',');
  for (const each of asked) {
    if (!(USAGE_DIMENSIONS as readonly string[]).includes(each)) throw refused('by', 'takes day, model and key');
  }
  return USAGE_DIMENSIONS.filter((dimension) => asked.includes(dimension));
}

async function whose(http: Http, caller: Caller, asked: string | undefined) {
  const name = asked === undefined ? caller.onlyUser : allowUser(caller, asked);
  if (name === null) return {};
  const userId = await http.deps.ports.directory.findUser(caller.workspace.id, name);
  return userId === null ? 'nobody' : { userId };
}

function totalOf(sums: readonly UsageSum[]): UsageSum {
  const add = (figure: (sum: UsageSum) => number) => sums.reduce((total, sum) => total + figure(sum), 0);
  return {
    day: null,
    model: null,
    key: null,
    generations: add((sum) => sum.generations),
    promptTokens: add((sum) => sum.promptTokens),
    reusedTokens: add((sum) => sum.reusedTokens),
    completionTokens: add((sum) => sum.completionTokens),
    cost: add((sum) => sum.cost),
  };
}

function refused(field: string, why: string): ChatError {
  return new ChatError('invalid_request', { details: { [field]: why } });
}
