import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { stringify } from 'yaml';
import { until } from '../contracts/until.ts';
import { EmbeddedServer } from '../support/embedded-server.ts';
import { applyEvents, openStream, type SseEvent } from '../support/http-client.ts';
import { signal } from '../support/processes.ts';
import { deploy, removeAll, serveDetails } from './support/deploy.ts';
import { markedProcesses } from './support/marked-processes.ts';
import { seen, stopwatch } from './support/seen.ts';
import { startVllm } from './support/start-vllm.ts';

const LONGEST_START = 300_000;
/** Ray finds a dead engine by failed health checks, and then starts another. */
const LONGEST_ILLNESS = 400_000;
const STREAMS = 24;
/** Streams that are in their text when the engine is killed; more may have got theirs by then. */
const SOME = 6;
const MESSAGE = 'Tell me a long story.';

const stack = new AsyncDisposableStack();
let server: EmbeddedServer;
let undisturbed: string;

/** The product on one catalogue model, which Ray and a vLLM of its own serve with the same weights. */
beforeAll(async () => {
  const { plain } = inject('models');
  const requests = { target: STREAMS, most: STREAMS, waiting: STREAMS };
  const deployed = await deploy({ model: 'tiny', source: plain, requests });
  expect(deployed.err).toContain('it answers');
  const vllm = stack.use(await startVllm(inject('environment'), plain));
  const folder = mkdtempSync(join(tmpdir(), 'chatterbot-catalogue-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  // All are asked at Ray while that is well.
  const servers = [{ url: `${inject('ray').serveUrl}/tiny/v1`, weight: 1000 }, { url: `${vllm.url}/v1` }];
  writeFileSync(join(folder, 'models.yaml'), stringify({ models: [{ name: 'tiny', servers }] }));
  const settings = {
    MODELS_FILE: join(folder, 'models.yaml'),
    MODEL: '',
    ANSWER_CACHE: 'off',
    MAX_CONCURRENT: 2 * STREAMS,
  };
  server = stack.use(await EmbeddedServer.start(settings));
  await server.modelIsReady();
  undisturbed = textOf(await (await ask('undisturbed')).rest());
  expect(undisturbed.length).toBeGreaterThan(400);
}, LONGEST_START);
afterAll(async () => {
  await stack.disposeAsync();
  await removeAll();
}, LONGEST_START);

/** The least temperature that this route takes: for a model that knows its story by heart there is one next word. */
async function ask(user_id: string) {
  const body = { user_id, message: MESSAGE, max_tokens: 300, temperature: 0.1 };
  const { json } = await server.call('POST', '/stream-chat', { body });
  return await openStream(server.url, `/stream/${json.correlation_id}`, server.key);
}

const askAll = (name: string) => Promise.all(Array.from({ length: STREAMS }, (_, index) => ask(`${name}-${index}`)));

const textOf = (events: readonly SseEvent[]) => applyEvents(events).toString();

/** Each of them says what the model says where nothing happens to it. */
function expectWhole(answers: readonly (readonly SseEvent[])[]): void {
  expect(answers.map(textOf)).toEqual(answers.map(() => undisturbed));
  for (const events of answers) expect(events.at(-2)!.json.receipt).toMatchObject({ state: 'done' });
}

/** Of a series whose labels hold these words; undefined before it was ever set. */
async function metric(name: string, labels = ''): Promise<number | undefined> {
  const { text } = await server.call('GET', '/metrics');
  const line = text.split('\n').find((each) => each.startsWith(`${name}{`) && each.includes(labels));
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ')));
}

const isRayLeftOut = async () => (await metric('chat_upstream_up', new URL(inject('ray').serveUrl).host)) === 0;

test(
  'an engine killed under streams: every answer is whole, and so are those asked for while Ray is ill',
  async () => {
    const engines = markedProcesses(inject('ray').mark).filter(({ command }) => command.includes('EngineCore'));
    expect(engines).toHaveLength(1);
    const engine = engines[0]!.pid;
    // Held until all are there, so that none has ended when it is killed.
    signal(engine, 'SIGSTOP');
    const streams = await askAll('before');
    signal(engine, 'SIGCONT');
    let begun = 0;
    const text = streams.map((stream) => stream.until((events) => applyEvents(events).length > 0).then(() => begun++));
    await until(() => begun >= SOME);
    signal(engine, 'SIGKILL');
    const since = stopwatch();
    await Promise.all(text);

    const read = await Promise.all(streams.map((stream) => stream.rest()));
    expectWhole(read);
    // Some were cut in the middle of their text, and went on with it.
    const continued = await metric('chat_answers_continued_total');
    expect(continued).toBeGreaterThan(0);
    seen(`engine killed under ${STREAMS} streams: all whole after ${since()} s, ${continued} gone on with`);
    expect(read.flat().filter(({ name }) => name === 'restart')).toEqual([]);

    const during = await askAll('during');
    expectWhole(await Promise.all(during.map((stream) => stream.rest())));
    seen(`${STREAMS} more, asked for meanwhile: whole after ${since()} s`);
    expect(await isRayLeftOut()).toBe(true);
    expect((await server.call('GET', '/health')).json.status).toBe('healthy');

    let said = 'RUNNING';
    await until(async () => {
      const { status } = (await serveDetails()).applications.tiny!;
      if (status !== said) seen(`Ray says ${status} ${since()} s after the kill`);
      said = status;
      return !(await isRayLeftOut());
    });
    seen(`asked again ${since()} s after the kill`);
    expectWhole(await Promise.all((await askAll('after')).map((stream) => stream.rest())));
  },
  LONGEST_ILLNESS,
);
