import type { ConversationResource } from '../../../../src/protocol/resources.ts';
import { formatDate } from '../../words/format.ts';
import { words } from './words.ts';

export type Group = { name: string; items: ConversationResource[] };

const DAY_MS = 86_400_000;

/** By day of their last activity, newest first; `items` are in that order already. */
export function groupByDate(items: readonly ConversationResource[], now: Date): Group[] {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  const groups: Group[] = [];
  for (const item of items) {
    const name = nameOf(new Date(item.updated_at), midnight, now.getFullYear());
    const last = groups.at(-1);
    if (last?.name === name) last.items.push(item);
    else groups.push({ name, items: [item] });
  }
  return groups;
}

function nameOf(date: Date, midnight: number, year: number): string {
  const time = date.getTime();
  if (time >= midnight) return words.today;
  if (time >= midnight - DAY_MS) return words.yesterday;
  if (time >= midnight - 7 * DAY_MS) return words.last7Days;
  if (time >= midnight - 30 * DAY_MS) return words.last30Days;
  return formatDate(date, date.getFullYear() === year ? { month: 'long' } : { month: 'long', year: 'numeric' });
}
