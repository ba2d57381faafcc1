import { expect, test } from 'vitest';
import { AnswerReader } from '../support/answer-reader.ts';
import { answerText, startFakeUpstream } from '../support/fake-upstream.ts';
import { call } from '../support/http-client.ts';
import { KEY, startMemoryStack } from '../support/memory-stack.ts';
import { openPool } from '../support/pooled-upstreams.ts';

/** A server that thinks before it answers, and whose first stream is cut after so many tokens of its text. */
async function askThinker(tokens: number) {
  await using upstream = await startFakeUpstream();
  await using inference = await openPool([{ id: 'thinker', servers: [upstream] }]);
  await using server = await startMemoryStack({ inference, sweeps: true });
  const message = `Why? [[reasoning]] [[cut-first:${tokens}]]`;
  const post = (path: string, body: object) => call(server.url, 'POST', path, { key: KEY, body });
  const accepted = await post('/stream-chat', { user_id: 'ada', message, max_tokens: 64 });
  const reader = await new AnswerReader({ url: server.url, key: KEY }, accepted.json.correlation_id).follow();
  const stored = await call(server.url, 'GET', '/users/ada/conversations/1/messages', { key: KEY });
  expect(reader.text.toString()).toBe(answerText(message, 40));
  expect(reader.reasoning.toString()).toBe('Let me think.');
  expect(stored.json.items[0]).toMatchObject({ reasoning: 'Let me think.', content: answerText(message, 40) });
  expect(upstream.counts.requests).toBe(2);
  return { rewinds: reader.rewinds, second: upstream.seen[1]!.body.messages };
}

test('cut behind its reasoning and before its text, an answer begins again with the visible mark', async () => {
  const { rewinds, second } = await askThinker(0);
  expect(rewinds).toBe(1);
  expect(second.map(({ role }) => role)).toEqual(['user']);
});

test('cut in its text it is gone on with, and the server is told what was thought', async () => {
  const { rewinds, second } = await askThinker(3);
  expect(rewinds).toBe(0);
  expect(second.at(-1)).toMatchObject({ role: 'assistant', reasoning: 'Let me think.' });
});
