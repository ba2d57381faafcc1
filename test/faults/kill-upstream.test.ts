import { expect, test } from 'vitest';
import { AnswerReader } from '../support/answer-reader.ts';
import { answerText } from '../support/fake-upstream.ts';
import { call } from '../support/http-client.ts';
import { KEY, startMemoryStack } from '../support/memory-stack.ts';
import { openPool, spawnUpstream } from '../support/pooled-upstreams.ts';

const STREAMS = 100;
const TOKENS = 60;
const SERVER = ['--pace-ms', '25', '--length', `${TOKENS}`];

/** All of them under way at both servers, one of which is then killed. */
async function killOneUnderStreams(continues: boolean): Promise<AnswerReader[]> {
  await using doomed = await spawnUpstream(SERVER);
  await using other = await spawnUpstream(SERVER);
  await using inference = await openPool([{ id: 'chat', continues, servers: [doomed, other] }]);
  await using stack = await startMemoryStack({ inference, slots: STREAMS, sweeps: true });
  const readers = await Promise.all(
    Array.from({ length: STREAMS }, async (_, index) => {
      const body = { user_id: `user-${index}`, message: `question ${index}`, max_tokens: 500 };
      const accepted = await call(stack.url, 'POST', '/stream-chat', { key: KEY, body });
      return new AnswerReader({ url: stack.url, key: KEY }, accepted.json.correlation_id);
    }),
  );
  const following = readers.map((reader) => reader.follow());
  await Promise.all(readers.map((reader) => reader.hasBytes(40)));
  doomed.child.kill('SIGKILL');
  await Promise.all(following);
  for (const [index, reader] of readers.entries()) {
    expect(reader.text.toString()).toBe(answerText(`question ${index}`, TOKENS));
    expect(reader.faults).toEqual([]);
    expect(reader.errors).toEqual([]);
    expect(reader.receipts).toMatchObject([{ state: 'done', model: 'chat', finish_reason: 'stop' }]);
  }
  return readers;
}

test('one of two servers is killed under a hundred streams: each goes on at the other, behind what was written', async () => {
  const readers = await killOneUnderStreams(true);
  expect(readers.filter(({ rewinds }) => rewinds > 0)).toEqual([]);
  expect(readers.every(({ receipts }) => receipts[0]!.attempts === 1)).toBe(true);
});

test('where the model cannot go on from a text, those answers start again, and their readers are told', async () => {
  const readers = await killOneUnderStreams(false);
  const again = readers.filter(({ rewinds }) => rewinds > 0);
  expect(again.length).toBeGreaterThan(10);
  expect(again.length).toBeLessThan(STREAMS);
});
