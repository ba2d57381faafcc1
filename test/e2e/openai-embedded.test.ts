import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EmbeddedServer, eventually } from '../support/embedded-server.ts';

/** The official client against the real server: its PostgreSQL, its engine, its files. */
let server: EmbeddedServer;
let client: OpenAI;
let model: string;
beforeAll(async () => {
  server = await EmbeddedServer.start({ ENGINE_PACE_MS: 5 });
  await server.modelIsReady();
  client = new OpenAI({ apiKey: server.key, baseURL: `${server.url}/v1`, maxRetries: 0 });
  const { data } = await client.models.list();
  model = data[0]!.id;
});
afterAll(() => server?.[Symbol.asyncDispose]());

const messages: OpenAI.ChatCompletionMessageParam[] = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Tell me of the sea.' },
];

test('an answer is streamed to its limit, and leaves nothing behind', async () => {
  let text = '';
  let last: OpenAI.ChatCompletionChunk | undefined;
  const options = { model, messages, max_tokens: 30, stream_options: { include_usage: true } };
  for await (const chunk of await client.chat.completions.create({ ...options, stream: true })) {
    text += chunk.choices[0]?.delta.content ?? '';
    last = chunk;
  }
  expect(text).not.toBe('');
  expect(last!.usage).toMatchObject({ completion_tokens: 30 });
  const kept = await server.sql<{ prompt: unknown; number: number | null }>(
    'SELECT g.prompt, c.number FROM generations AS g JOIN conversations AS c ON c.id = g.conversation_id WHERE g.id = $1',
    [last!.id.replace('chatcmpl-', '')],
  );
  expect(kept).toEqual([{ prompt: null, number: null }]);
});

test('JSON of a schema, by a model that writes at random', async () => {
  const schema = { type: 'object', properties: { ok: { type: 'boolean' } }, additionalProperties: false };
  const answer = await client.chat.completions.create({
    model,
    messages,
    max_tokens: 100,
    response_format: { type: 'json_schema', json_schema: { name: 'verdict', schema, strict: true } },
  });
  expect(JSON.parse(answer.choices[0]!.message.content!)).toEqual({ ok: expect.any(Boolean) });
  const refused = client.chat.completions.create({
    model,
    messages,
    response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { allOf: [] } } },
  });
  await expect(refused).rejects.toMatchObject({ status: 400, code: 'request_refused' });
});

test('hanging up ends an answer that is not stored', async () => {
  const leaving = new AbortController();
  const opened = await client.chat.completions.create(
    { model, messages, max_tokens: 3000, stream: true },
    { signal: leaving.signal },
  );
  let id = '';
  for await (const chunk of opened) {
    id = chunk.id.replace('chatcmpl-', '');
    if (chunk.choices[0]?.delta.content) leaving.abort();
  }
  await eventually('the answer is given up', async () => {
    const [row] = await server.sql<{ state: string }>('SELECT state FROM generations WHERE id = $1', [id]);
    return row?.state === 'cancelled';
  });
});

test('one that is stored survives `kill -9` of the server, and is read to its end afterwards', async () => {
  const opened = await client.chat.completions.create({
    model,
    messages,
    max_tokens: 150,
    stream: true,
    store: true,
    user: 'anna',
  });
  let before = '';
  let id = '';
  const reading = (async () => {
    for await (const chunk of opened) {
      id = chunk.id.replace('chatcmpl-', '');
      before += chunk.choices[0]?.delta.content ?? '';
      if (before.length > 20) break;
    }
  })();
  await reading;
  await server.kill();
  await server.start();
  const answer = await eventually('the answer is whole', async () => {
    const { json } = await server.call('GET', `/check-response/${id}`);
    return json?.response !== undefined && json;
  });
  expect(answer.response.startsWith(before)).toBe(true);
  expect(answer.conversation_id).toBe(1);
});
