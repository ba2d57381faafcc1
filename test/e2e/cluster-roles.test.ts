import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePorts } from '../../src/roles/cluster/free-ports.ts';
import type { Part } from '../../src/roles/cluster/part.ts';
import { prepareServer } from '../../src/roles/cluster/server-process.ts';
import { eventually, startTestCluster, type TestCluster } from '../support/cluster.ts';
import { EmbeddedServer } from '../support/embedded-server.ts';
import { answerText, startFakeUpstream } from '../support/fake-upstream.ts';
import { call } from '../support/http-client.ts';
import { descendants, processes, signal } from '../support/processes.ts';

/** One of the cluster's roles, started by the test itself on its databases. */
async function server(kind: 'api' | 'worker', folder: string, settings: Record<string, string>): Promise<Part> {
  const [port] = await freePorts(1);
  return prepareServer(kind, `own-${kind}-${randomUUID().slice(0, 8)}`, folder, port!, settings);
}

describe('roles on a cluster', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startTestCluster({ apis: 1, workers: 0, nginx: false, upstream: { length: 20 } });
  }, 180_000);
  afterAll(() => cluster?.[Symbol.asyncDispose](), 60_000);

  const ask = (user_id: string, message: string) => ({ user_id, message, max_tokens: 20 });

  test('several API processes share one port; one that dies is started again; /metrics tells of all', async () => {
    const api = await server('api', cluster.cluster.folder, { ...cluster.cluster.settings, API_WORKERS: '2' });
    await using _ = api;
    await api.start();
    const at = api.spec.address!;
    const children = () => descendants(api.pid!).filter(({ command }) => command.includes('main.ts'));
    await eventually('two processes', () => children().length === 2);
    const answer = async () => {
      const message = randomUUID();
      const { json } = await call(at, 'POST', '/chat', { key: cluster.key, body: ask('shared', message) });
      expect(json.response).toBe(answerText(message, 20));
    };
    for (let n = 0; n < 4; n++) await answer();
    const [first] = children();
    signal(first!.pid, 'SIGKILL');
    await eventually('another one', () => children().length === 2 && !children().some(({ pid }) => pid === first!.pid));
    await eventually('both serve', async () => (await call(at, 'GET', '/readyz')).status === 200);
    await answer();
    const { text } = await call(at, 'GET', '/metrics', { key: cluster.key });
    expect(text).toMatch(/^chat_accepts_total\{lane="chat"\} \d+$/m);
    const before = children();
    await api.stop();
    await eventually('all leave', () => !before.some(({ pid }) => processes().some((each) => each.pid === pid)));
  });

  test('an API and a worker start before their databases, broker and Redis, and wait', {
    timeout: 120_000,
  }, async () => {
    const names = ['rabbitmq', 'redis-state', 'redis-cache', 'shard-1', 'shard-2'];
    await Promise.all(['api-1', ...names].map((name) => cluster.part(name).stop()));
    const api = await server('api', cluster.cluster.folder, { ...cluster.cluster.settings });
    const worker = await server('worker', cluster.cluster.folder, { ...cluster.cluster.settings });
    await using stack = new AsyncDisposableStack();
    stack.use(api);
    stack.use(worker);
    const ready = Promise.all([api.start(), worker.start()]);
    await eventually('both say what they wait for', async () => {
      const logs = await Promise.all([api, worker].map(({ spec }) => readFile(spec.log, 'utf8')));
      return logs.every((log) => log.includes('waiting for the databases'));
    });
    for (const name of names.toReversed()) await cluster.part(name).start();
    await ready;
    const message = randomUUID();
    const at = api.spec.address!;
    const sent = await call(at, 'POST', '/async-chat', { key: cluster.key, body: ask('early', message) });
    const answer = await eventually('it is answered', async () => {
      const { json } = await call(at, 'GET', `/check-response/${sent.json.correlation_id}`, { key: cluster.key });
      return json?.response;
    });
    expect(answer).toBe(answerText(message, 20));
  });
});

describe('everything on one machine, with a server for the model', () => {
  test('no model is fetched or loaded; commands work beside it', async () => {
    await using upstream = await startFakeUpstream({ length: 20, apiKey: 'upstream-key' });
    await using embedded = await EmbeddedServer.start({
      INFERENCE_URL: upstream.url,
      INFERENCE_API_KEY: 'upstream-key',
      MODEL: '',
    });
    await embedded.modelIsReady();
    const message = randomUUID();
    const { json } = await embedded.call('POST', '/chat', { body: { user_id: 'ada', message, max_tokens: 20 } });
    expect(json.response).toBe(answerText(message, 20));
    expect((await embedded.command('keys', 'list')).out).toMatch(/ {2}default {2}configured\n$/);
    expect(descendants(embedded.pid).some(({ command }) => command.includes('engine-child'))).toBe(false);
  });
});
