import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { EmbeddedServer, eventually } from '../support/embedded-server.ts';
import { answerText, startFakeUpstream } from '../support/fake-upstream.ts';
import { tinyModelPath } from '../support/tiny-model.ts';

test('a model on this machine and remote ones side by side, and one more without a restart', async () => {
  await using upstream = await startFakeUpstream({ length: 20 });
  const folder = await mkdtemp(join(tmpdir(), 'chatterbot-catalogue-'));
  const path = join(folder, 'models.yaml');
  const local = { name: 'local', engine: await tinyModelPath() };
  const remote = (name: string) => ({ name, served_as: 'fake', servers: [{ url: upstream.url }] });
  await writeFile(path, stringify({ models: [local, remote('remote')] }));
  await using server = await EmbeddedServer.start({ MODELS_FILE: path, MODEL: '', MODELS_DIR: '' });
  await server.modelIsReady();
  const models = async () => (await server.call('GET', '/models')).json.items.map(({ id }: { id: string }) => id);
  const ask = async (model: string, message: string) => {
    const body = { user_id: 'ada', message, model, max_tokens: 20 };
    const { json } = await server.call('POST', '/chat', { body });
    return json.response;
  };
  expect(await models()).toEqual(['local', 'remote']);
  expect(await ask('remote', 'near')).toBe(answerText('near', 20));
  expect(await ask('local', 'far')).toEqual(expect.any(String));
  expect(upstream.counts.requests).toBe(1);
  await writeFile(path, stringify({ models: [local, remote('remote'), remote('another')] }));
  await eventually('it is there', async () => (await models()).length === 3);
  expect(await ask('another', 'new')).toBe(answerText('new', 20));
  await rm(folder, { recursive: true });
});
