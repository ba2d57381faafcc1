import { expect, test } from 'vitest';
import { AnswerReader } from '../support/answer-reader.ts';
import { EmbeddedServer, eventually } from '../support/embedded-server.ts';
import { census, NOTHING_WRONG } from './census.ts';

const USERS = 8;
const PER_USER = 5;

test('forty answers in every lane, readers that come and go, the server killed three times in a row', async () => {
  await using server = await EmbeddedServer.start({ ENGINE_PACE_MS: 8, MAX_CONCURRENT: 6 });
  await server.modelIsReady();
  const asked = Array.from({ length: USERS * PER_USER }, (_, n) => accept(server, n));
  const ids = await Promise.all(asked);
  const readers = ids.flatMap((id, n) =>
    n % 3 === 0 ? [new AnswerReader(server, id), new AnswerReader(server, id)] : [new AnswerReader(server, id)],
  );
  const following = readers.map((reader) => reader.follow());
  let restless = true;
  const leaving = (async () => {
    while (restless) {
      readers[Math.floor(Math.random() * readers.length)]!.drop();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();

  for (let kill = 0; kill < 3; kill += 1) {
    const ended = readers.filter((reader) => reader.ended).length;
    await eventually('some more have ended', () => readers.filter((reader) => reader.ended).length >= ended + 3);
    await server.kill();
    await server.start();
  }
  await Promise.all(following);
  restless = false;
  await leaving;

  expect(await census(server, ids, readers)).toEqual(NOTHING_WRONG);
  expect(readers.some(({ connections }) => connections > 3)).toBe(true);
  expect(server.postmasters()).toHaveLength(1);
});

/** By turns through every lane, some of them in the conversation of the one before. */
async function accept(server: EmbeddedServer, n: number): Promise<string> {
  const user = `user-${n % USERS}`;
  const max_tokens = 10 + ((n * 7) % 40);
  const message = `Tell me of ship ${n}.`;
  if (n % 4 === 3) {
    const body = { message, max_tokens, lane: 'batch' };
    return (await server.call('POST', `/users/${user}/conversations`, { body })).json.id;
  }
  const path = n % 2 === 0 ? '/stream-chat' : '/async-chat';
  const first = await server.call('POST', path, { body: { user_id: user, message, max_tokens } });
  if (n % 5 !== 0) return first.json.correlation_id;
  const { conversation } = (await server.call('GET', `/generations/${first.json.correlation_id}`)).json;
  const second = await server.call('POST', path, {
    body: { user_id: user, message, max_tokens, conversation_id: conversation },
  });
  return second.json.correlation_id;
}
