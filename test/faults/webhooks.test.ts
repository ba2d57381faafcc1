import { afterEach, beforeEach, expect, test } from 'vitest';
import { EmbeddedServer, eventually } from '../support/embedded-server.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts';

/** An async request names who is to be told; the server dies at every moment that matters. */
let receiver: WebhookReceiver;
let server: EmbeddedServer;
beforeEach(async () => {
  receiver = await startWebhookReceiver();
  server = await EmbeddedServer.start({
    ENGINE_PACE_MS: 10,
    WEBHOOK_PRIVATE_ADDRESSES: 'on',
    WEBHOOK_RETRY_DELAY_MS: 200,
    WEBHOOK_TIMEOUT_MS: 500,
    WEBHOOK_MAX_ATTEMPTS: 3,
  });
  await server.modelIsReady();
});
afterEach(async () => {
  await server?.[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
});

const ask = async (maxTokens: number): Promise<string> => {
  const body = { user_id: 'anna', message: 'Tell me of the sea.', max_tokens: maxTokens, webhook_url: receiver.url };
  return (await server.call('POST', '/async-chat', { body })).json.correlation_id;
};
const told = (id: string) => receiver.notices.map(({ body }) => JSON.parse(body)).filter(({ data }) => data.id === id);
const stateOf = async (id: string) => (await server.call('GET', `/generations/${id}`)).json?.state;

test('killed while the answer is written: it is told once it is whole', async () => {
  const id = await ask(200);
  await eventually('it runs', async () => (await stateOf(id)) === 'running');
  await server.kill();
  expect(told(id)).toEqual([]);
  await server.start();
  const [notice] = await eventually('it is told', () => told(id).length > 0 && told(id));
  expect(notice).toMatchObject({
    type: 'generation.done',
    data: { id, state: 'done', conversation: 1, check_endpoint: `/check-response/${id}`, receipt: { state: 'done' } },
  });
  expect(JSON.stringify(notice)).not.toContain('sea');
});

test('killed while it is telling: it tells again after the restart, under the same id', async () => {
  receiver.answer = () => {};
  const id = await ask(10);
  await eventually('it is being told', () => told(id).length > 0);
  await server.kill();
  const before = receiver.notices.length;
  receiver.answer = (_request, response) => void response.writeHead(204).end();
  await server.start();
  await eventually('it is told again', () => receiver.notices.length > before);
  const ids = new Set(receiver.notices.map(({ headers }) => headers['webhook-id']));
  expect(ids).toEqual(new Set([`${id}-done`]));
  await eventually('that is kept', async () => {
    const [row] = await server.sql<{ webhook_outcome: string }>(
      'SELECT webhook_outcome FROM generations WHERE id = $1',
      [id],
    );
    return row?.webhook_outcome === 'delivered';
  });
});

test('what nobody takes is shown and replayed by a command', async () => {
  receiver.answer = (_request, response) => void response.writeHead(500).end();
  const id = await ask(10);
  await eventually('it is given up', async () => (await server.command('webhooks', 'list')).out.includes(id));
  const list = await server.command('webhooks', 'list');
  expect(list.out).toMatch(new RegExp(`^${id}  done  3 attempts  127\\.0\\.0\\.1:\\d+  answered 500\\n$`));
  const before = receiver.notices.length;
  receiver.answer = (_request, response) => void response.writeHead(204).end();
  expect((await server.command('webhooks', 'replay', id)).code).toBe(0);
  await eventually('it is told', () => receiver.notices.length > before);
  const secret = await server.command('webhooks', 'secret');
  expect(secret.out).toMatch(/^whsec_[A-Za-z0-9+/]{43}=\n$/);
  expect((await server.command('webhooks', 'replay', 'no-such')).code).not.toBe(0);
});
