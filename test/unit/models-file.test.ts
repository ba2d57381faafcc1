import { describe, expect, test } from 'vitest';
import { buildConfig } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/config-error.ts';
import { readSettings } from '../../src/config/env.ts';
import { openCatalogue } from '../../src/roles/open-catalogue.ts';
import { until } from '../contracts/until.ts';
import { startFakeUpstream } from '../support/fake-upstream.ts';
import { call } from '../support/http-client.ts';
import { KEY, startMemoryStack } from '../support/memory-stack.ts';

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
