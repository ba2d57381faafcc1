import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildConfig } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/config-error.ts';
import { readSettings } from '../../src/config/env.ts';
import { openCatalogue } from '../../src/roles/open-catalogue.ts';
import { metrics } from '../../src/telemetry/metrics.ts';
import { until } from '../contracts/until.ts';
import { answerText, startFakeUpstream } from '../support/fake-upstream.ts';
import { call } from '../support/http-client.ts';
import { KEY, OTHER_KEY, startMemoryStack } from '../support/memory-stack.ts';

const WHOLE = `# Two servers, one laptop.
models:
  - name: chat-large
    title: Large
    served_as: Qwen/Qwen2.5-14B-Instruct-AWQ
    servers:
      - url: http://10.0.0.5:8000/v1
        api_key_env: LARGE_KEY
        weight: 2
      - url: http://10.0.0.6:8000/v1/
        api: openai
    context_window: 8192
    price: { prompt: 0.5, cached: 0.05, completion: 1.5 }
    fallback: small
    capabilities: { continues: false, tools: true, json_schema: false, reasoning: true }
    system_prompt: Be brief.
    temperature: 0.2
    suggestions: [Who are you?]
  - name: small
    engine: qwen2.5-0.5b
`;

function configure(text: string, environment: Record<string, string> = {}) {
  const given = readSettings({ flags: [], environment: { MODELS_FILE: 'models.yaml', ...environment }, dotEnv: null });
  const modelsFile = { path: 'models.yaml', text, environment: { LARGE_KEY: 'k1', ...environment } };
  return buildConfig(given, { workingDirectory: '/srv', isTerminal: false, modelsFile });
}

function problemsOf(text: string, environment: Record<string, string> = {}): readonly string[] {
  try {
    configure(text, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('the catalogue file', () => {
  test('puts servers and a model on this machine side by side', () => {
    const { inference, slots } = configure(WHOLE);
    if (inference.kind !== 'catalogue') throw new Error('expected a catalogue');
    const [large, small] = inference.models;
    expect(large).toMatchObject({
      name: 'chat-large',
      price: { prompt: 0.5, cached: 0.05, completion: 1.5 },
      contextWindow: 8192,
      fallback: 'small',
      capabilities: { continues: false, tools: true, jsonSchema: false, reasoning: true },
      from: {
        servedAs: 'Qwen/Qwen2.5-14B-Instruct-AWQ',
        servers: [
          { weight: 2, server: { url: 'http://10.0.0.5:8000/v1', apiKey: 'k1', api: 'vllm' } },
          { weight: 1, server: { url: 'http://10.0.0.6:8000/v1', apiKey: null, api: 'openai' } },
        ],
      },
    });
    expect(small).toMatchObject({ name: 'small', title: 'small', from: 'engine', price: null });
    expect(inference.engine?.model).toEqual({ kind: 'catalogue', name: 'qwen2.5-0.5b' });
    expect(slots.total).toBe(100);
    expect(configure('models: [{ name: a, engine: automatic }]').slots.total).toBe(4);
  });

  const at = (line: number, problem: string) => `MODELS_FILE (models.yaml, line ${line}): ${problem}`;
  const server = 'servers: [{ url: http://a }]';
  test.each([
    ['models: []', [at(1, 'models must not have fewer than 1 items')]],
    ['model: 1', [at(1, 'the file lacks `models`'), at(1, 'model is not known')]],
    ['models:\n  - name: a\n', [at(2, 'models[0] needs either `servers` or `engine`')]],
    [`models:\n  - name: a\n    engine: x\n    ${server}\n`, [at(2, 'models[0] needs either `servers` or `engine`')]],
    ['models:\n  - name: a\n    servers:\n      - weight: 2\n', [at(4, 'models[0].servers[0] lacks `url`')]],
    [
      'models:\n  - name: a\n    servers:\n      - url: ftp://a\n        api_key_env: NOT_SET\n',
      [
        at(4, 'models[0].servers[0].url is not an http:// or https:// address'),
        at(5, 'models[0].servers[0].api_key_env names NOT_SET, which is not set in the environment'),
      ],
    ],
    [
      'models:\n  - name: a\n    servers: [{ kind: azure }]\n',
      [at(3, 'models[0].servers[0] lacks `url`: azure gives each customer an address')],
    ],
    [
      'models:\n  - name: a\n    servers: [{ kind: gemini, api: vllm }]\n',
      [at(3, 'models[0].servers[0].kind says what `api` and `priority` say')],
    ],
    [
      `models:\n  - name: a\n    workspaces: [acme]\n    ${server}\n`,
      [at(3, 'models[0].workspaces cannot be: the first model is what everybody gets')],
    ],
    [
      `models:\n  - name: a\n    ${server}\n    fallback: b\n  - name: b\n    workspaces: [acme]\n    ${server}\n`,
      [at(4, 'models[0].fallback names b, which not all may use who may use a')],
    ],
    [`models:\n  - name: a\n    prize: 1\n    ${server}\n`, [at(3, 'models[0].prize is not known')]],
    [
      `models:\n  - name: small\n    ${server}\n    fallback: smal\n`,
      [at(4, 'models[0].fallback names smal, which is no model here; did you mean small?')],
    ],
    [
      `models:\n  - name: a\n    ${server}\n    fallback: b\n  - name: b\n    ${server}\n    fallback: a\n`,
      [at(4, 'models[0].fallback leads back to a'), at(7, 'models[1].fallback leads back to b')],
    ],
    [
      `models:\n  - name: a\n    ${server}\n  - name: a\n    ${server}\n`,
      [at(4, 'models[1].name has a, which is there twice')],
    ],
    [
      'models:\n  - name: a\n    engine: automatic\n  - name: b\n    engine: automatic\n',
      [at(5, 'models[1].engine is a second one: a process loads one model')],
    ],
    ['models:\n  - name: "a\n', [expect.stringContaining('MODELS_FILE (models.yaml, line')]],
  ])('%j is refused, with its line', (text, problems) => {
    expect(problemsOf(text)).toEqual(problems);
  });

  test('excludes what it stands for', () => {
    const text = `models:\n  - name: a\n    ${server}\n`;
    expect(problemsOf(text, { INFERENCE_URL: 'http://b' })).toContain(
      'INFERENCE_URL and MODELS_FILE exclude each other',
    );
    expect(problemsOf(text, { MODEL: 'm' })).toEqual(['MODEL and MODELS_FILE exclude each other']);
    expect(problemsOf(text, { MODELS_DIR: '/m' })).toEqual([
      'MODELS_DIR is of no use: MODELS_FILE has no model with `engine`',
    ]);
  });
});

test('every model of it can be asked for, and one whose server is away is there', async () => {
  await using upstream = await startFakeUpstream({ model: 'served', apiKey: 'k1', contextWindow: 5000 });
  const { inference: config } = configure(`models:
  - name: away
    servers: [{ url: http://127.0.0.1:1 }]
    price: { prompt: 1, completion: 2 }
    fallback: here
  - name: here
    served_as: served
    servers: [{ url: ${upstream.url}, api_key_env: LARGE_KEY }]
`);
  if (config.kind !== 'catalogue') throw new Error('expected a catalogue');
  await using opened = await openCatalogue(config, 8, new AbortController().signal);
  await until(() => opened.inference.models()[1]!.contextWindow === 5000);
  await using stack = await startMemoryStack({ inference: opened.inference });
  const get = async (path: string) => (await call(stack.url, 'GET', path, { key: KEY })).json;
  expect((await get('/v1/models')).data.map(({ id }: { id: string }) => id)).toEqual(['away', 'here']);
  expect((await get('/models')).items).toMatchObject([
    { id: 'away', default: true, price: { prompt: 1, cached: 1, completion: 2 }, fallback: 'here' },
    { id: 'here', default: false, price: null, fallback: null, context_window: 5000 },
  ]);
  const messages = [{ role: 'user', content: 'Hello' }];
  const answer = await call(stack.url, 'POST', '/v1/chat/completions', { key: KEY, body: { model: 'here', messages } });
  expect(answer.json).toMatchObject({ model: 'here', choices: [{ finish_reason: expect.any(String) }] });
  expect(await opened.inference.health()).toMatchObject({ status: 'down', detail: expect.stringContaining('no away') });
});

test('a model for one workspace is none for another', async () => {
  await using upstream = await startFakeUpstream();
  const server = `served_as: fake, servers: [{ url: '${upstream.url}' }]`;
  const text = `models:\n  - { name: all, ${server} }\n  - { name: own, workspaces: [other], ${server} }\n`;
  const { inference } = configure(text);
  if (inference.kind !== 'catalogue') throw new Error('expected a catalogue');
  await using opened = await openCatalogue(inference, 8, new AbortController().signal);
  await using stack = await startMemoryStack({ inference: opened.inference });
  const ask = async (key: string, path: string, model: string, question: object) =>
    (await call(stack.url, 'POST', path, { key, body: { model, ...question } })).status;
  for (const [key, models, status] of [
    [KEY, ['all'], 400],
    [OTHER_KEY, ['all', 'own'], 200],
  ] as const) {
    const listed = await call(stack.url, 'GET', '/models', { key });
    expect(listed.json.items.map(({ id }: { id: string }) => id)).toEqual(models);
    const openAi = await call(stack.url, 'GET', '/v1/models', { key });
    expect(openAi.json.data.map(({ id }: { id: string }) => id)).toEqual(models);
    expect(await ask(key, '/chat', 'own', { user_id: 'ada', message: 'Hello' })).toBe(status);
    const hidden = status === 400 ? 404 : 200;
    expect((await call(stack.url, 'GET', '/v1/models/own', { key })).status).toBe(hidden);
    expect(await ask(key, '/v1/embeddings', 'own', { input: 'Hello' })).toBe(hidden);
    const messages = [{ role: 'user', content: 'Hello' }];
    expect(await ask(key, '/v1/chat/completions', 'own', { messages })).toBe(hidden);
  }
});

test('the file may be written anew: new requests see it, answers under way end where they are', async () => {
  await using first = await startFakeUpstream({ paceMs: 20, length: 60 });
  await using second = await startFakeUpstream();
  const folder = await mkdtemp(join(tmpdir(), 'chatterbot-catalogue-'));
  const path = join(folder, 'models.yaml');
  const entry = (name: string, url: string) => `  - { name: ${name}, served_as: fake, servers: [{ url: '${url}' }] }\n`;
  const text = `models:\n${entry('one', first.url)}`;
  await writeFile(path, text);
  const { inference } = configure(text, { MODELS_FILE: path });
  if (inference.kind !== 'catalogue') throw new Error('expected a catalogue');
  const file = { ...inference.file, path };
  await using opened = await openCatalogue({ ...inference, file }, 8, new AbortController().signal, 10);
  await using stack = await startMemoryStack({ inference: opened.inference });
  const ask = (message: string, model = 'one') =>
    call(stack.url, 'POST', '/chat', { key: KEY, body: { user_id: 'ada', message, model, max_tokens: 200 } });
  const models = async () => {
    const { json } = await call(stack.url, 'GET', '/v1/models', { key: KEY });
    return json.data.map(({ id }: { id: string }) => id);
  };
  const under = ask('under way');
  await until(() => first.counts.open === 1);
  await writeFile(path, `models:\n${entry('one', second.url)}${entry('two', second.url)}`);
  await until(async () => (await models()).length === 2);
  expect((await ask('moved')).json.response).toBe(answerText('moved', 40));
  expect((await ask('new', 'two')).json.response).toBe(answerText('new', 40));
  expect((await under).json.response).toBe(answerText('under way', 60));
  expect([first.counts.requests, second.counts.requests]).toEqual([1, 2]);

  const refused = async () => {
    const { values } = await metrics.catalogueReads.get();
    return values.find(({ labels }) => labels.result === 'refused')?.value ?? 0;
  };
  await writeFile(path, 'models:\n  - name: one\n');
  await until(async () => (await refused()) === 1);
  expect(await models()).toEqual(['one', 'two']);
  await writeFile(path, `models:\n${entry('two', second.url)}  - { name: local, engine: automatic }\n`);
  await until(async () => (await refused()) === 2);
  await writeFile(path, `models:\n${entry('two', second.url)}`);
  await until(async () => (await models()).length === 1);
  expect((await ask('gone')).json.error).toMatchObject({ code: 'model_unknown', details: { models: ['two'] } });
  await rm(folder, { recursive: true });
});

describe('a provider', () => {
  test.each([
    ['openai', '/v1', { authorization: 'Bearer k1' }, 'max_completion_tokens'],
    ['azure', '/openai/v1', { 'api-key': 'k1' }, 'max_completion_tokens'],
    [
      'anthropic',
      '/v1',
      { authorization: 'Bearer k1', 'x-api-key': 'k1', 'anthropic-version': '2023-06-01' },
      'max_tokens',
    ],
    ['gemini', '/v1beta/openai', { authorization: 'Bearer k1' }, 'max_tokens'],
    ['bedrock', '/openai/v1', { authorization: 'Bearer k1' }, 'max_tokens'],
  ])('%s is asked at its own address, in its own way', async (kind, path, headers, limit) => {
    const seen: { url: string; headers: IncomingMessage['headers']; body: string }[] = [];
    await using provider = await startProvider(seen);
    const text = `models: [{ name: big, served_as: big-1, servers: [{ kind: ${kind}, url: '${provider.url}${path}', api_key_env: LARGE_KEY }] }]`;
    const { inference } = configure(text);
    if (inference.kind !== 'catalogue') throw new Error('expected a catalogue');
    await using opened = await openCatalogue(inference, 8, new AbortController().signal);
    await using stack = await startMemoryStack({ inference: opened.inference });
    const body = { user_id: 'ada', message: 'Hello', max_tokens: 20 };
    expect((await call(stack.url, 'POST', '/chat', { key: KEY, body })).json.response).toBe('Hello yourself.');
    const asked = seen.find(({ body }) => body !== '')!;
    expect(asked.url).toBe(`${path}/chat/completions`);
    expect(asked.headers).toMatchObject(headers);
    expect('authorization' in asked.headers).toBe('authorization' in headers);
    expect(asked.headers['x-session-id']).toBeUndefined();
    const sent = JSON.parse(asked.body);
    expect(sent).toMatchObject({ model: 'big-1', [limit]: 20, stream: true });
    expect(Object.keys(sent)).not.toContain('priority');
    // Nothing is asked of it that is no part of the API.
    expect(new Set(seen.map(({ url }) => url))).toEqual(new Set([`${path}/models`, `${path}/chat/completions`]));
    expect(await opened.inference.health()).toMatchObject({ status: 'up' });
  });

  test('has its address where all customers have the same', () => {
    const { inference } = configure('models: [{ name: big, servers: [{ kind: anthropic }] }]');
    expect(inference).toMatchObject({
      models: [{ from: { servers: [{ server: { url: 'https://api.anthropic.com/v1', api: 'openai' } }] } }],
    });
  });
});

/** Answers completions, and lists no models, as some do. */
async function startProvider(seen: { url: string; headers: IncomingMessage['headers']; body: string }[]) {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const bytes of request.setEncoding('utf8')) body += bytes;
    seen.push({ url: request.url!, headers: request.headers, body });
    if (request.method === 'GET') return response.writeHead(404).end('{}');
    const event = (choice: object) => `data: ${JSON.stringify({ model: 'big-1', choices: [choice] })}\n\n`;
    const events = [event({ delta: { content: 'Hello yourself.' } }), event({ delta: {}, finish_reason: 'stop' })];
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`${events.join('')}data: [DONE]\n\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
