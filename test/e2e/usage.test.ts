import { expect, test } from 'vitest';
import { AnswerReader } from '../support/answer-reader.ts';
import { EmbeddedServer, eventually } from '../support/embedded-server.ts';

const LIMIT = 4000;
/** More than is left, whatever was used: it is refused, and tells what is left. */
const TOO_MUCH = { user_id: 'ada', message: 'Hello', max_tokens: 1024 };

test('usage and budget agree with the receipts to the token, after a stop and after kill -9', async () => {
  await using server = await EmbeddedServer.start({ ENGINE_PACE_MS: 20 });
  await server.modelIsReady();
  const added = await server.command('keys', 'add', 'limited', 'team', '--tokens-per-day', String(LIMIT));
  const key = added.out.trim();
  const id = /^(\w+) .* limited .*4000 tokens a day$/m.exec((await server.command('keys', 'list', 'team')).out)![1];
  const post = (path: string, body?: unknown) => server.call('POST', path, { key, body });
  const get = async (path: string) => (await server.call('GET', path, { key })).json;
  const receipts = new Map<string, { prompt: number; completion: number }>();
  const ended = async (generation: string) => {
    const { receipt } = await eventually('it has ended', async () => {
      const found = await get(`/generations/${generation}`);
      return found.receipt && found;
    });
    receipts.set(generation, receipt.tokens);
    return receipt;
  };
  const used = () => [...receipts.values()].reduce((sum, each) => sum + each.prompt + each.completion, 0);
  const hasBegun = async (generation: string) => {
    const reader = new AnswerReader({ url: server.url, key }, generation);
    reader.follow().catch(() => {});
    await reader.hasBytes(1);
  };

  const whole = await post('/async-chat', { ...TOO_MUCH, max_tokens: 10 });
  expect((await ended(whole.json.correlation_id)).tokens.completion).toBe(10);

  const stopped = (await post('/stream-chat', { ...TOO_MUCH, max_tokens: 1000 })).json.correlation_id;
  await hasBegun(stopped);
  await post(`/generations/${stopped}/stop`);
  expect(await ended(stopped)).toMatchObject({ state: 'cancelled' });

  const killed = (await post('/stream-chat', { ...TOO_MUCH, max_tokens: 60 })).json.correlation_id;
  await hasBegun(killed);
  await server.kill();
  await server.start();
  await server.modelIsReady();
  expect(await ended(killed)).toMatchObject({ state: 'done' });

  const { items, total } = await get('/usage?by=key');
  expect(items.map((item: { key: string }) => item.key)).toEqual([id]);
  expect(total.generations).toBe(3);
  expect(total.tokens.prompt + total.tokens.completion).toBe(used());

  await server.command('keys', 'limit', id!, '--tokens-per-day', String(used() + 500));
  // A running server takes up the new budget some seconds later, and would take this until then.
  await server.end('SIGTERM');
  await server.start();
  await server.modelIsReady();
  const refused = await post('/chat', TOO_MUCH);
  expect(refused.status).toBe(429);
  expect(refused.json.error).toMatchObject({ code: 'budget_exceeded', details: { period: 'day', remaining: 500 } });
  expect((await post('/chat', { ...TOO_MUCH, max_tokens: 10 })).status).toBe(200);
});
