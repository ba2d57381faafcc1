import type { Asked } from './asked.ts';
import { leftOvers } from './left-overs.ts';
import type { World } from './world.ts';

/** Lists of what is wrong, a line each; all empty where every promise was kept. */
export type Verdict = { lost: string[]; doubled: string[]; torn: string[]; stuck: string[]; leftOver: string[] };

type Row = { id: string; state: string; question: string; answer: string | null; answers: number };

/** From PostgreSQL, for everything that was asked and everything that is there, and from what readers have. */
export async function judge(world: World, asked: readonly Asked[], blows: readonly number[]): Promise<Verdict> {
  const verdict: Verdict = { lost: [], doubled: [], torn: [], stuck: [], leftOver: await leftOvers(world, blows) };
  const rows = await world.sql<Row>(
    `SELECT g.id, g.state, q.content AS question, a.content AS answer,
       (SELECT count(*)::integer FROM messages AS x WHERE x.role = 'assistant' AND x.parent_id = q.id) AS answers
     FROM generations AS g JOIN user_home AS h ON h.user_id = g.user_id AND h.state = 'active'
     JOIN messages AS q ON q.id = g.request_message_id LEFT JOIN messages AS a ON a.id = g.id`,
  );
  const byQuestion = Map.groupBy(rows, ({ question }) => question);
  for (const each of asked) {
    const found = byQuestion.get(each.question) ?? [];
    const label = `${each.id ?? each.key} (${each.way})`;
    for (const { kind, what } of each.wrong) verdict[kind].push(`${label}: ${what}`);
    if (found.length === 0) verdict.lost.push(`${label}: no such question is stored`);
    if (found.length > 1) verdict.doubled.push(`${label}: stored ${found.length} times`);
    if (found.some(({ id }) => each.id !== null && id !== each.id)) verdict.doubled.push(`${label}: under another id`);
    for (const row of found) judgeRow(verdict, each, row, label);
    byQuestion.delete(each.question);
  }
  for (const question of byQuestion.keys()) verdict.leftOver.push(`nobody asked: ${question}`);
  return verdict;
}

function judgeRow(verdict: Verdict, asked: Asked, row: Row, label: string): void {
  if (row.answers > 1) verdict.doubled.push(`${label}: ${row.answers} answers`);
  if (row.state === 'queued' || row.state === 'running') verdict.stuck.push(`${label}: ${row.state}`);
  else if (row.state === 'cancelled' && asked.isStopped) {
    if (!asked.expected.startsWith(row.answer ?? '')) verdict.torn.push(`${label}: what was kept is not its beginning`);
  } else if (row.state !== 'done') verdict.lost.push(`${label}: ${row.state}`);
  else if (row.answer !== asked.expected) verdict.torn.push(`${label}: stored otherwise than written`);
  if (asked.text !== null && row.answer !== null && asked.text !== row.answer) {
    verdict.torn.push(`${label}: read otherwise than stored`);
  }
}
