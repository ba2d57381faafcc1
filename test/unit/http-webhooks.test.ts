import { expect, test } from 'vitest';
import { call } from '../support/http-client.ts';
import { KEY, startMemoryStack } from '../support/memory-stack.ts';

const asking = (webhook_url: string) => ({ user_id: 'anna', message: 'say x', webhook_url });

test('a webhook is refused where nobody is told, or not that address, and nothing is accepted', async () => {
  await using off = await startMemoryStack();
  await using open = await startMemoryStack({ options: { webhooks: 'public' } });
  const post = (stack: { url: string }, url: string) =>
    call(stack.url, 'POST', '/async-chat', { key: KEY, body: asking(url) });
  expect((await post(off, 'https://example.org/x')).json.error.code).toBe('webhooks_off');
  const refused = await post(open, 'https://127.0.0.1/x');
  expect([refused.status, refused.json.error]).toMatchObject([
    400,
    { code: 'webhook_refused', details: { webhook_url: 'must be an address of the public internet' } },
  ]);
  expect((await post(open, 'no address')).json.error.code).toBe('webhook_refused');
  for (const stack of [off, open]) {
    expect((await call(stack.url, 'GET', '/users/anna/conversations', { key: KEY })).json.items).toEqual([]);
  }
  expect((await post(open, 'https://example.org/x')).status).toBe(200);
  const body = { message: 'say x', webhook_url: 'https://example.org/x' };
  expect((await call(open.url, 'POST', '/users/anna/conversations', { key: KEY, body })).status).toBe(202);
});
