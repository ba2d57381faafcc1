import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { createClient } from '../../client/create-client.ts';
import { EmbeddedServer } from '../support/embedded-server.ts';
import { openTcpGate } from '../support/tcp-gate.ts';

const FOLDER = new URL('../../client/', import.meta.url);
const README = readFileSync(new URL('README.md', FOLDER), 'utf8');

test('the client for programs: its README runs as written; an answer survives lost connections and `kill -9`', async () => {
  await using server = await EmbeddedServer.start({ ENGINE_PACE_MS: 10 });
  await server.modelIsReady();
  const [, code] = /```ts\n([\s\S]*?)```/.exec(README)!;
  const work = await mkdtemp(join(tmpdir(), 'cb-client-'));
  try {
    const file = join(work, 'example.ts');
    await writeFile(file, code!.replace("'./client/", `'${fileURLToPath(FOLDER)}`));
    const env = { PATH: process.env.PATH, CHATTERBOT: server.url, KEY: server.key };
    const { stdout } = await promisify(execFile)(process.execPath, [file], { env });
    const [first, second] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(first).toMatchObject({ state: 'done', text: expect.stringMatching(/./), conversation: 1 });
    expect(second.state).toMatch(/^(cancelled|running)$/);
  } finally {
    await rm(work, { recursive: true, force: true });
  }

  await using gate = await openTcpGate(Number(new URL(server.url).port));
  const client = createClient({ baseUrl: `http://127.0.0.1:${gate.port}`, apiKey: server.key });
  const { id } = await client.user('anna').send({ message: 'Tell me of the sea.', max_tokens: 300 });
  let step = 0;
  const answer = await client.answer(id, {
    onChange: ({ text }) => {
      if (step === 0 && text.length > 20) {
        step = 1;
        gate.shut(true);
        setTimeout(() => gate.shut(false), 300);
      } else if (step === 1 && text.length > 100) {
        step = 2;
        void server.kill().then(() => server.start());
      }
    },
  });
  expect(step).toBe(2);
  expect(answer).toMatchObject({ error: null, receipt: { state: 'done', tokens: { completion: 300 } } });
  expect(answer.resumed).toBeGreaterThanOrEqual(2);
  const { json } = await server.call('GET', `/check-response/${id}`);
  expect(answer.text).toBe(json.response);
});
