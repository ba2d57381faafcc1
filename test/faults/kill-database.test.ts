import { expect, test } from 'vitest';
import { ERRORS } from '../../src/protocol/errors.ts';
import { EmbeddedServer, eventually } from '../support/embedded-server.ts';
import { signal } from '../support/processes.ts';
import { census, NOTHING_WRONG } from './census.ts';
import { ask, expectWhole, follow } from './expect-whole.ts';

test('PostgreSQL killed under load: running answers end well, and what cannot be accepted is refused as it should be', async () => {
  await using server = await EmbeddedServer.start({ ENGINE_PACE_MS: 25, MAX_CONCURRENT: 8 });
  await server.modelIsReady();
  const accepted: string[] = [];
  const refused: { status: number; code: string; retryAfter: string | null }[] = [];
  const load = new AbortController();
  const send = async (user: number) => {
    while (!load.signal.aborted) {
      const reply = await server.call('POST', '/stream-chat', {
        body: { user_id: `user-${user}`, message: 'Tell me of the sea.', max_tokens: 10 },
      });
      if (reply.status === 200) accepted.push(reply.json.correlation_id);
      else
        refused.push({
          status: reply.status,
          code: reply.json.error.code,
          retryAfter: reply.headers.get('retry-after'),
        });
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const long = await Promise.all([1, 2, 3].map((n) => ask(server, { user_id: `long-${n}`, max_tokens: 120 })));
  const readers = long.map((id) => follow(server, id));
  await Promise.all(readers.map((reader) => reader.hasBytes(30)));
  const sending = Promise.all([1, 2, 3].map(send));
  await eventually('some are accepted', () => accepted.length >= 3);

  for (let kill = 0; kill < 2; kill += 1) {
    const [postmaster] = server.postmasters();
    const before = { accepted: accepted.length, refused: refused.length };
    signal(postmaster!, 'SIGKILL');
    await eventually('it is started again', () => server.postmasters().some((pid) => pid !== postmaster));
    await eventually('requests are accepted again', () => accepted.length >= before.accepted + 3);
    expect(server.postmasters()).toHaveLength(1);
    expect(refused.length).toBeGreaterThan(before.refused);
  }
  load.abort();
  await sending;
  for (const { status, code, retryAfter } of refused) {
    expect([status, code]).toEqual([503, 'database_unavailable']);
    expect(Object.keys(ERRORS)).toContain(code);
    expect(Number(retryAfter)).toBeGreaterThan(0);
  }
  for (const [index, id] of long.entries()) await expectWhole(server, id, [readers[index]!]);
  await Promise.all(accepted.map((id) => follow(server, id).until(({ ended }) => ended)));
  expect(await census(server, accepted, readers)).toEqual(NOTHING_WRONG);
  expect((await server.call('GET', '/health')).json.status).toBe('healthy');
});
