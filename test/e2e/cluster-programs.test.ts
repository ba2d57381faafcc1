import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePorts } from '../../src/roles/cluster/free-ports.ts';
import { findProgram } from '../../src/roles/cluster/installed.ts';
import { prepareNginx } from '../../src/roles/cluster/nginx.ts';
import { until } from '../contracts/until.ts';
import { KEY, type MemoryStack, startMemoryStack } from '../support/memory-stack.ts';
import { MODEL } from '../support/scripted-inference.ts';
import { openSocket } from '../support/socket-client.ts';

/** What programs use, through the proxy as it is delivered. */
let stack: MemoryStack;
let url: string;
let folder: string;
let stop: () => Promise<void>;
beforeAll(async () => {
  stack = await startMemoryStack({ options: { localUser: false } });
  folder = await mkdtemp(join(tmpdir(), 'cb-nginx-'));
  const [port] = await freePorts(1);
  const part = await prepareNginx(findProgram('nginx')!, folder, port!, [stack.url]);
  url = `http://127.0.0.1:${port}`;
  const child = spawn(part.spec.command[0]!, part.spec.command.slice(1), { stdio: 'ignore' });
  stop = async () => {
    child.kill('SIGTERM');
    await once(child, 'exit');
  };
  await until(() =>
    fetch(`${url}/livez`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
});
afterAll(async () => {
  await stop();
  await stack[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

test('the official client, streamed and whole', async () => {
  const client = new OpenAI({ apiKey: KEY, baseURL: `${url}/v1`, maxRetries: 0 });
  const messages = [{ role: 'user' as const, content: 'say one |two' }];
  expect((await client.chat.completions.create({ model: MODEL, messages })).choices[0]!.message.content).toBe(
    'one two',
  );
  let text = '';
  for await (const chunk of await client.chat.completions.create({ model: MODEL, messages, stream: true })) {
    text += chunk.choices[0]?.delta.content ?? '';
  }
  expect(text).toBe('one two');
});

test('a WebSocket', async () => {
  const client = await openSocket(url, { 'x-api-key': KEY });
  client.say({ type: 'start', user_id: 'proxied', message: 'say one |two' });
  const { generation } = await client.event('accepted');
  await client.event('end');
  expect(client.text(generation.id)).toBe('one two');
  client.close();
});
