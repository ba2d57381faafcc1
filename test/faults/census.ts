import type { AnswerReader } from '../support/answer-reader.ts';
import type { EmbeddedServer } from '../support/embedded-server.ts';

/** Lists of ids: of answers that are missing, that there are twice, that differ between places, that never ended. */
export type Census = { lost: string[]; doubled: string[]; torn: string[]; stuck: string[] };

export const NOTHING_WRONG: Census = { lost: [], doubled: [], torn: [], stuck: [] };

type Row = { id: string; state: string; text: string | null; messages: number };

/** Compares PostgreSQL, the API and what readers have, for everything that was accepted and whatever else is there. */
export async function census(
  server: EmbeddedServer,
  accepted: readonly string[],
  readers: readonly AnswerReader[] = [],
): Promise<Census> {
  const rows = await server.sql<Row>(
    `SELECT g.id, g.state, m.content AS text,
       (SELECT count(*)::integer FROM messages AS a WHERE a.role = 'assistant' AND a.parent_id = g.request_message_id) AS messages
     FROM generations AS g LEFT JOIN messages AS m ON m.id = g.id`,
  );
  const told = new Map<string, string | undefined>();
  for (const { id } of rows) told.set(id, (await server.call('GET', `/check-response/${id}`)).json.response);
  const text = new Map(rows.map((row) => [row.id, row.text]));
  const ids = (list: readonly { id: string }[]) => list.map(({ id }) => id);
  const tornReaders = readers.filter(
    (reader) =>
      reader.faults.length > 0 || reader.receipts.length !== 1 || reader.text.toString() !== text.get(reader.id),
  );
  return {
    lost: accepted.filter((id) => !text.has(id) || text.get(id) === null || text.get(id) === ''),
    doubled: ids(rows.filter(({ messages }) => messages > 1)),
    torn: [...ids(rows.filter((row) => told.get(row.id) !== row.text)), ...ids(tornReaders)],
    stuck: ids(rows.filter(({ state }) => state !== 'done')),
  };
}
