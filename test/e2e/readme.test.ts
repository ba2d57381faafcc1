import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EmbeddedServer } from '../support/embedded-server.ts';

const run = promisify(execFile);
const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const examples = [...README.matchAll(/```sh\n([\s\S]*?)```/g)]
  .map(([, code]) => code!)
  .filter((code) => /curl/.test(code));

let server: EmbeddedServer;
beforeAll(async () => {
  server = await EmbeddedServer.start();
  await server.modelIsReady();
});
afterAll(() => server?.[Symbol.asyncDispose]());

/** As written; the address and the key that it would take by default are this server's. */
async function output(example: string): Promise<string> {
  const env = { PATH: process.env.PATH, CHATTERBOT: server.url, KEY: server.key };
  return (await run('sh', ['-euc', example], { env, timeout: 60_000 })).stdout;
}

it('README: one message, one answer', async () => {
  expect(JSON.parse(await output(examples[0]!))).toMatchObject({ response: expect.any(String), conversation_id: 1 });
});

it('README: a stream, read twice and from an event on', async () => {
  const streams = (await output(examples[1]!)).split('retry: 1000\n').slice(1);
  expect(streams).toHaveLength(2);
  for (const stream of streams) expect(stream).toMatch(/"done":true,"receipt":\{[\s\S]*data: \[DONE\]\s*$/);
});

it('README: ask now, fetch later, stop', async () => {
  const [state, stopped] = (await output(examples[2]!)).split(/(?<=\})(?=\{)/).map((json) => JSON.parse(json));
  expect(state).toHaveProperty(state.status === 'pending' ? 'state' : 'response');
  expect(stopped).toHaveProperty('state');
});

it('README: the same in the form of OpenAI', async () => {
  const stream = await output(examples[3]!);
  expect(stream).toMatch(/"object":"chat.completion.chunk"[\s\S]*data: \[DONE\]\s*$/);
});

it('README: has no other example', () => {
  expect(examples).toHaveLength(4);
});
