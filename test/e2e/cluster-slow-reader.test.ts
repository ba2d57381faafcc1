import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AnswerReader } from '../support/answer-reader.ts';
import { eventually, startTestCluster, type TestCluster } from '../support/cluster.ts';
import { clientOf, metricOf, question } from '../support/cluster-client.ts';
import { answerText } from '../support/fake-upstream.ts';
import { applyEvents, parseSse } from '../support/http-client.ts';

const SLOW_READER = fileURLToPath(new URL('../support/slow-reader.py', import.meta.url));
const OTHERS = 99;
const LENGTH = 60;
/** About 1 MB of text: far more than the kernel takes for a reader with a small window. */
const LONG = 4_000;
const WIDTH = 50;
/** Of one connection: what its answer has gained since it fell behind, as events. */
const MOST_BYTES = 2 * 1024 * 1024;

let cluster: TestCluster;
let client: ReturnType<typeof clientOf>;
beforeAll(async () => {
  cluster = await startTestCluster({
    apis: 1,
    workers: 1,
    nginx: false,
    upstream: { length: LENGTH, paceMs: 2 },
    // Many small events, as of a model that many share.
    settings: { FLUSH_WINDOW_MS: '4', MAX_CONCURRENT: '200' },
  });
  client = clientOf(cluster);
}, 180_000);
afterAll(() => cluster?.[Symbol.asyncDispose](), 60_000);

/** A whole response as it came, chunked; the events of its body. */
function eventsOf(received: Buffer) {
  let at = received.indexOf('\r\n\r\n') + 4;
  const body: Buffer[] = [];
  for (;;) {
    const end = received.indexOf('\r\n', at);
    const size = Number.parseInt(received.toString('latin1', at, end), 16);
    if (!(size > 0)) break;
    body.push(received.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
  return parseSse(Buffer.concat(body).toString());
}

test('one reader in a hundred at a byte a second: the others have all of theirs, and memory is bounded', async () => {
  const [at] = cluster.apis as [string];
  const message = question(`[[tokens:${LONG}]] [[wide:${WIDTH}]]`);
  const asked = await cluster.call('POST', '/users/slow/conversations', { body: { message, max_tokens: LONG } });
  expect(asked.status).toBe(202);
  const { hostname, port } = new URL(at);
  const id = asked.json.id as string;
  const slow = spawn('python3', [SLOW_READER, hostname, port, `/stream/${id}`, cluster.key]);
  const parts: Buffer[] = [];
  slow.stdout.on('data', (part: Buffer) => parts.push(part));
  slow.stderr.pipe(process.stderr);
  const received = () => Buffer.concat(parts);
  try {
    const buffered = (of = '') => metricOf([at], cluster.key, `chat_connection_buffered_bytes${of}`);
    await eventually('the server has more for it than the kernel takes', async () => (await buffered('_largest')) > 0);

    // While it is stuck the others begin, read and end; twice, so that some begin when it has been stuck for long.
    for (let round = 0; round < 2; round++) {
      const messages = Array.from({ length: OTHERS }, () => question());
      const readers = await Promise.all(
        messages.map(async (each, n) => {
          const one = await client.send(`other-${n}`, each);
          return new AnswerReader({ url: at, key: cluster.key }, one);
        }),
      );
      await Promise.all(readers.map((reader) => reader.follow()));
      for (const [n, reader] of readers.entries()) {
        expect(reader.text.toString()).toBe(answerText(messages[n]!, LENGTH));
        expect([reader.faults, reader.errors, reader.connections]).toEqual([[], [], 1]);
      }
      expect(await buffered('_largest')).toBeLessThan(MOST_BYTES);
      expect(await buffered()).toBeLessThan(2 * MOST_BYTES);
    }
    // Its answer does not wait for it either.
    await client.answered(id);
    expect(received().length).toBeLessThan(1_000);

    slow.stdin.write('on\n');
    await once(slow, 'close');
    const events = eventsOf(received());
    expect(applyEvents(events).toString()).toBe(answerText(message, LONG));
    expect(events.at(-1)!.data).toBe('[DONE]');
    await eventually('nothing waits any more', async () => (await buffered()) === 0);
  } finally {
    slow.kill('SIGKILL');
  }
});
