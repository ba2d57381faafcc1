import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EmbeddedServer, eventually } from '../support/embedded-server.ts';
import { endlessModelPath, tinyModelPath } from '../support/tiny-model.ts';
import { ask, expectWhole, follow, stateOf } from './expect-whole.ts';

let server: EmbeddedServer;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cb-m-'));
  // As many attempts as there may be would be gone at once.
  server = await EmbeddedServer.start({ MODEL: join(folder, 'missing.gguf'), MAX_ATTEMPTS: 1, RETRY_DELAY_MS: 1 });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function degradedBecause(words: string): Promise<void> {
  const { components } = await eventually('health says why', async () => {
    const { json } = await server.call('GET', '/health');
    return json.status === 'degraded' && json.detail?.includes(words) && json;
  });
  expect(components).toEqual({ ray_serve: 'down', redis: 'up', database: 'up', rabbitmq: 'up' });
}

test('without its file, and with a broken one, the server is up, says so, and answers everything once it has one', async () => {
  await degradedBecause('missing.gguf');
  const asked = await Promise.all(['ann', 'bob', 'cyd'].map((user_id) => ask(server, { user_id, max_tokens: 10 })));
  const readers = asked.map((id) => follow(server, id));
  await eventually('one is being tried', async () => {
    return (await Promise.all(asked.map((id) => stateOf(server, id)))).includes('running');
  });
  expect((await server.call('GET', '/readyz')).status).toBe(200);

  const broken = join(folder, 'broken.gguf');
  await writeFile(broken, 'GGUF, or so it says');
  // What waits for a model does not keep the process from leaving.
  expect(await server.end('SIGTERM')).toEqual({ code: 0, signal: null });
  await server.start({ MODEL: broken });
  await degradedBecause('broken.gguf');
  const more = await ask(server, { user_id: 'dan', max_tokens: 10 });
  expect(await server.end('SIGTERM')).toEqual({ code: 0, signal: null });

  await server.start({ MODEL: await endlessModelPath() });
  for (const [index, id] of asked.entries()) await expectWhole(server, id, [readers[index]!]);
  await expectWhole(server, more);
});

test('what was accepted for a model that is gone is answered by the one that is there', async () => {
  const long = await ask(server, { user_id: 'eve', max_tokens: 400 });
  const { conversation } = (await server.call('GET', `/generations/${long}`)).json;
  const queued = await ask(server, { user_id: 'eve', max_tokens: 10, conversation_id: conversation });
  await server.kill();
  await server.start({ MODEL: await tinyModelPath() });
  await expectWhole(server, queued);
  const { receipt } = (await server.call('GET', `/generations/${queued}`)).json;
  const { items } = (await server.call('GET', '/models')).json;
  expect(receipt.model).toBe(items[0].id);
});
