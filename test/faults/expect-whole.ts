import { expect } from 'vitest';
import { AnswerReader } from '../support/answer-reader.ts';
import { type EmbeddedServer, eventually } from '../support/embedded-server.ts';

type Stored = { state: string; text: string; reasoning: string; messages: number; attempts: number; takeovers: number };

/** How PostgreSQL has it. `messages`: assistant messages that answer the same question. */
export async function stored(server: EmbeddedServer, id: string): Promise<Stored> {
  const [row] = await server.sql<Stored>(
    `SELECT g.state, g.attempts, g.takeovers, m.content AS text, m.reasoning,
       (SELECT count(*)::integer FROM messages AS a WHERE a.role = 'assistant' AND a.parent_id = g.request_message_id) AS messages
     FROM generations AS g LEFT JOIN messages AS m ON m.id = g.id WHERE g.id = $1`,
    [id],
  );
  return row!;
}

/**
 * One answer, whole: what each reader has been through, what one that begins now reads, what is told to one
 * that asks, and what is stored are the same bytes; one message, one last event, and 204 behind it.
 */
export async function expectWhole(
  server: EmbeddedServer,
  id: string,
  readers: readonly AnswerReader[] = [],
): Promise<Stored> {
  const late = new AnswerReader(server, id);
  await Promise.all([...readers.map((reader) => reader.until(({ ended }) => ended)), late.follow()]);
  const row = await stored(server, id);
  expect({ id, state: row.state, messages: row.messages }).toEqual({ id, state: 'done', messages: 1 });
  for (const reader of [...readers, late]) {
    expect(reader.faults).toEqual([]);
    expect(reader.errors).toEqual([]);
    expect(reader.receipts).toHaveLength(1);
    expect(reader.text.toString()).toBe(row.text);
    expect(reader.reasoning.toString()).toBe(row.reasoning);
    expect(reader.lastEventId).toMatch(/-end$/);
  }
  const again = await server.call('GET', `/stream/${id}`, { headers: { 'last-event-id': late.lastEventId! } });
  expect(again.status).toBe(204);
  const check = await server.call('GET', `/check-response/${id}`);
  expect(check.json.response).toBe(row.text);
  return row;
}

/** Accepts one message; its id. */
export async function ask(
  server: EmbeddedServer,
  body: Record<string, unknown> = {},
  headers?: Record<string, string>,
): Promise<string> {
  const reply = await server.call('POST', '/stream-chat', {
    body: { user_id: 'user-1', message: 'Tell me of the sea.', max_tokens: 60, ...body },
    ...(headers && { headers }),
  });
  expect(reply.status, reply.text).toBe(200);
  return reply.json.correlation_id;
}

/** A reader that is following already. */
export function follow(server: EmbeddedServer, id: string): AnswerReader {
  const reader = new AnswerReader(server, id);
  reader.follow().catch((error: unknown) => reader.faults.push(String(error)));
  return reader;
}

export async function stateOf(server: EmbeddedServer, id: string): Promise<string> {
  return (await server.call('GET', `/generations/${id}`)).json.state;
}

export async function untilState(server: EmbeddedServer, id: string, state: string): Promise<void> {
  await eventually(`${id} is ${state}`, async () => (await stateOf(server, id)) === state);
}

/**
 * Whatever is written for the user of this answer waits, from now until the returned connection ends:
 * `blocked` resolves once something does.
 */
export async function holdUser(
  server: EmbeddedServer,
  id: string,
): Promise<{ blocked(): Promise<void> } & AsyncDisposable> {
  const client = await server.connect();
  await client.query('BEGIN');
  await client.query('SELECT lock_user(user_id) FROM generations WHERE id = $1', [id]);
  const waits = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
  return {
    async blocked() {
      await eventually('something waits for the user', async () => (await client.query(waits)).rowCount! > 0);
    },
    async [Symbol.asyncDispose]() {
      await client.end().catch(() => {});
    },
  };
}
