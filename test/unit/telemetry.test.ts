import { afterEach, expect, test } from 'vitest';
import * as events from '../../src/telemetry/events.ts';
import { createLogger, LOG_FORMATS, type LogFormat, setLogger } from '../../src/telemetry/logger.ts';
import { registry } from '../../src/telemetry/metrics.ts';

afterEach(() => {
  setLogger(createLogger('silent', 'json'));
  registry.resetMetrics();
});

function capture(format: LogFormat): { lines: string[] } {
  const lines: string[] = [];
  setLogger(createLogger('debug', format, { write: (line) => lines.push(line) }));
  return { lines };
}

async function sampleOf(name: string, labels: Record<string, string> = {}): Promise<number> {
  const metric = await registry.getSingleMetric(name)!.get();
  const found = metric.values.find(({ labels: own }) =>
    Object.entries(labels).every(([key, value]) => own[key as keyof typeof own] === value),
  );
  return found?.value ?? 0;
}

test('the story of a generation is counted', async () => {
  events.generationAccepted({ generation: 'g', lane: 'stream' });
  events.generationAccepted({ generation: 'g', lane: 'stream', replayed: true });
  events.generationClaimed({ generation: 'g', lane: 'stream', epoch: 1, ms: 40 });
  events.generationClaimed({ generation: 'g', lane: 'stream', epoch: 2, ms: 9000 });
  events.firstToken({ generation: 'g', lane: 'stream', ms: 200 });
  events.generationFinished({
    generation: 'g',
    lane: 'stream',
    model: 'tiny',
    outcome: 'done',
    ms: 1200,
    promptTokens: 10,
    reusedTokens: 4,
    completionTokens: 11,
    streamMs: 1000,
  });
  expect(await sampleOf('chat_accepts_total', { lane: 'stream' })).toBe(1);
  expect(await sampleOf('chat_claims_total', { lane: 'stream' })).toBe(2);
  expect(await sampleOf('chat_generations_total', { outcome: 'done', model: 'tiny' })).toBe(1);
  expect(await sampleOf('chat_tokens_total', { direction: 'completion' })).toBe(11);
  const text = await registry.metrics();
  expect(text).toContain('chat_queue_wait_seconds_sum{lane="stream"} 0.04');
  expect(text).toContain('chat_ttft_seconds_sum{lane="stream"} 0.2');
  expect(text).toContain('chat_inter_token_seconds_sum{model="tiny"} 0.1');
});

test('open streams return to none', async () => {
  events.streamOpened({ transport: 'sse' });
  expect(await sampleOf('chat_streams_open', { transport: 'sse' })).toBe(1);
  events.streamClosed({ transport: 'sse', reason: 'end' });
  expect(await sampleOf('chat_streams_open', { transport: 'sse' })).toBe(0);
});

test('every event may be told with no field at all, and with no logger set', () => {
  const {
    generationFinished,
    queueMeasured,
    oldestJobMeasured,
    deadLettersCounted,
    shardMeasured,
    shardFailed,
    replicaMeasured,
    partitionsMeasured,
    dataKept,
    connectionsMeasured,
    ...plain
  } = events;
  for (const tell of Object.values(plain)) tell({});
  generationFinished({});
  queueMeasured('chat', 0);
  oldestJobMeasured('chat', 0);
  deadLettersCounted(0);
  shardMeasured('s1', true, { open: 1, idle: 1, waiting: 0 });
  shardFailed('s1');
  replicaMeasured('s1-replica-1', 0);
  partitionsMeasured('s1', 12);
  connectionsMeasured(0, 0);
  dataKept({ shard: 's1', totals: { messages: 0, rawBytes: 0, packedBytes: 0 } });
});

test.each(LOG_FORMATS)('credentials, words and row values stay out of the %s log', (format) => {
  const { lines } = capture(format);
  const log = createLogger('debug', format, { write: (line) => lines.push(line) });
  const error = Object.assign(new Error('duplicate key', { cause: new Error('inner') }), {
    code: '23505',
    detail: 'Key (content)=(CANARY) already exists.',
    parameters: ['CANARY'],
  });
  events.portFailed({ port: 'outbox', operation: 'accept', error });
  log.info({ headers: { 'x-api-key': 'CANARY', authorization: 'CANARY', cookie: 'CANARY' } }, 'headers');
  log.info({ prompt: 'CANARY', message: { content: 'CANARY', text: 'CANARY' } }, 'words');
  log.info({ req: { method: 'GET', url: '/users/u/search?q=CANARY', headers: { 'x-api-key': 'CANARY' } } }, 'request');
  log.error({ err: error }, 'failed');
  const text = lines.join('');
  expect(text).toContain('/users/u/search');
  expect(text).toContain('duplicate key');
  expect(text).toContain('inner');
  expect(text).not.toContain('CANARY');
});
