import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EmbeddedServer, eventually } from '../support/embedded-server.ts';
import { answerText, startFakeUpstream } from '../support/fake-upstream.ts';
import { startModelHub } from '../support/model-hub.ts';

const SECRET = 'sk-that-nobody-may-see';
const STRANGER = 'a-key-of-another-workspace';

let server: EmbeddedServer;
let hub: Awaited<ReturnType<typeof startModelHub>>;

beforeAll(async () => {
  hub = await startModelHub();
  server = await EmbeddedServer.start({
    API_KEYS: `default:faults-key-0123456789,other:${STRANGER}`,
    MODEL_HUB: hub.url,
  });
  await server.modelIsReady();
});

afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await hub?.[Symbol.asyncDispose]();
});

const get = async (path: string) => (await server.call('GET', path)).json;
const post = (path: string, body?: unknown) => server.call('POST', path, body === undefined ? {} : { body });
const models = async () => (await get('/models')).items.map(({ id }: { id: string }) => id);
const ask = async (model: string, message: string) =>
  (await post('/chat', { user_id: 'ada', message, model, max_tokens: 20 })).json.response;

describe('endpoints', () => {
  test('are tried, added, asked at once and after a restart, and taken away; their keys are told to nobody', async () => {
    await using upstream = await startFakeUpstream({ length: 20, apiKey: SECRET });
    const at = { address: `${upstream.url}/v1/chat/completions`, key: SECRET };
    const tried = await post('/endpoints/try', at);
    expect(tried.json).toEqual({ address: `${upstream.url}/v1`, models: ['fake'], ms: expect.any(Number) });
    expect(await models()).toHaveLength(1);

    const unknown = await post('/endpoints', { ...at, models: ['another'] });
    expect(unknown.json.error).toMatchObject({ code: 'endpoint_model_unknown', details: { models: ['another'] } });
    const added = await post('/endpoints', { ...at, models: ['fake'] });
    expect(added.status, added.text).toBe(201);
    expect(added.json).toMatchObject({ has_key: true, models: [{ id: 'fake', served_as: 'fake' }], state: 'up' });
    expect(await models()).toEqual([expect.any(String), 'fake']);
    expect(await ask('fake', 'near')).toBe(answerText('near', 20));
    const again = await post('/endpoints', at);
    expect(again.json.error).toMatchObject({ code: 'endpoint_exists', details: { id: added.json.id } });

    const file = join(server.dataDir, 'endpoints.json');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, 'utf8')).toContain(SECRET);
    const told = [tried.text, added.text, again.text, (await server.call('GET', '/endpoints')).text, server.output];
    expect(told.join('\n')).not.toContain(SECRET);

    await server.end('SIGTERM');
    await server.start();
    await server.modelIsReady();
    expect(await ask('fake', 'far')).toBe(answerText('far', 20));

    await upstream[Symbol.asyncDispose]();
    expect((await get('/health')).status).toBe('healthy');
    expect((await get('/endpoints')).items).toMatchObject([{ state: 'down', detail: expect.any(String) }]);
    expect((await server.call('DELETE', `/endpoints/${added.json.id}`)).status).toBe(204);
    expect((await server.call('DELETE', `/endpoints/${added.json.id}`)).json.error.code).toBe('endpoint_not_found');
    expect(await models()).toHaveLength(1);
  });

  test('say what is wrong with an address, and lead nowhere that they should not', async () => {
    await using upstream = await startFakeUpstream({ apiKey: SECRET });
    const odd = createServer((request, response) => {
      if (request.url === '/empty/v1/models') return void response.end('{"data":[]}');
      if (request.url === '/page/v1/models') return void response.end('<h1>Hello</h1>');
      if (request.url === '/elsewhere/v1/models') {
        return void response.writeHead(307, { location: `${upstream.url}/v1/models` }).end();
      }
      response.writeHead(404).end();
    }).listen(0, '127.0.0.1');
    const port = await new Promise<number>((resolve) =>
      odd.once('listening', () => resolve((odd.address() as AddressInfo).port)),
    );
    const wrong = async (address: string, key?: string) => {
      const { json } = await post('/endpoints/try', { address, ...(key && { key }) });
      return [json.error.code, json.error.details && Object.values(json.error.details)[0]];
    };
    expect(await wrong('http://127.0.0.1:9')).toEqual(['endpoint_unreachable', 'nothing listens there']);
    expect(await wrong('no-such-machine.invalid')).toEqual(['endpoint_unreachable', expect.any(String)]);
    expect(await wrong(upstream.url)).toEqual(['endpoint_key_refused', false]);
    expect(await wrong(upstream.url, 'wrong')).toEqual(['endpoint_key_refused', true]);
    expect(await wrong(`127.0.0.1:${port}`)).toEqual(['endpoint_not_openai', expect.stringContaining('404')]);
    expect(await wrong(`127.0.0.1:${port}/page`)).toEqual(['endpoint_not_openai', expect.stringContaining('JSON')]);
    expect(await wrong(`127.0.0.1:${port}/elsewhere`)).toEqual(['endpoint_not_openai', expect.any(String)]);
    expect(await wrong(`127.0.0.1:${port}/empty`)).toEqual(['endpoint_without_models', undefined]);
    for (const address of [
      'ftp://127.0.0.1',
      'http://ada:secret@127.0.0.1',
      'http://169.254.169.254/latest',
      'http://2852039166',
      'http://[::ffff:169.254.169.254]',
      'http://[fe80::1]',
    ]) {
      expect((await wrong(address))[0], address).toBe('endpoint_address_refused');
    }
    odd.close();
    odd.closeAllConnections();
  });

  test('are the operator’s', async () => {
    const asStranger = await server.call('GET', '/endpoints', { key: STRANGER });
    expect(asStranger.json.error.code).toBe('operator_only');
    const lent = (await server.command('keys', 'add', 'lent')).out.trim();
    const { status } = await server.call('POST', '/endpoints', { key: lent, body: { address: 'http://127.0.0.1:9' } });
    expect(status).toBe(403);
  });
});

describe('models of this machine', () => {
  const NAME = 'qwen2.5-1.5b';
  const local = async () => (await get('/local-models')).items.find(({ name }: { name: string }) => name === NAME);
  const hasState = (state: string) => eventually(`it is ${state}`, async () => (await local()).state === state);
  const download = () => post(`/local-models/${NAME}/download`);

  test('are fetched, stopped, gone on with, asked, and removed', async () => {
    expect(await local()).toMatchObject({ state: 'absent', licence: 'Apache-2.0', received: null, failure: null });
    hub.options.paceMs = 50;
    expect((await download()).status).toBe(202);
    await eventually('some of it is here', async () => (await local()).received?.bytes > 0);
    expect((await server.call('DELETE', `/local-models/${NAME}/download`)).status).toBe(204);
    const { state, received } = await local();
    expect(state).toBe('partial');
    expect(received.bytes).toBeGreaterThan(0);
    expect(await models()).not.toContain(NAME);

    hub.options.paceMs = 0;
    await download();
    await hasState('ready');
    expect(hub.ranges.at(-1)).toBe(`bytes=${received.bytes}-`);
    expect((await local()).file_bytes).toBe(hub.bytes);
    expect(await models()).toContain(NAME);
    expect(await ask(NAME, 'Say something')).toEqual(expect.any(String));
    // It is there still after a restart.
    await server.end('SIGTERM');
    await server.start();
    await server.modelIsReady();
    expect(await models()).toContain(NAME);
    expect((await server.call('DELETE', `/local-models/${NAME}`)).status).toBe(204);
    expect(await models()).not.toContain(NAME);
    expect((await local()).state).toBe('absent');
  });

  test('are not taken where they are not what the hub states, or not to be had', async () => {
    hub.options.lies = true;
    await download();
    await eventually('it failed', async () => (await local()).failure !== null);
    expect(await local()).toMatchObject({ state: 'absent', failure: { code: 'download_damaged' } });
    hub.options.lies = false;
    hub.options.isAway = true;
    await download();
    await eventually('it failed', async () => (await local()).failure?.code === 'download_unreachable');
    expect((await post('/local-models/gpt-9/download')).json.error.code).toBe('local_model_not_found');
    expect(await models()).not.toContain(NAME);
  });
});
