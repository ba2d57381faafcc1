import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startFakeUpstream } from '../support/fake-upstream.ts';
import { KEY, OTHER_KEY, startMemoryStack } from '../support/memory-stack.ts';
import { pythonWithOpenAi } from '../support/python-client.ts';
import { MODEL } from '../support/scripted-inference.ts';
import { openAgainst } from '../support/upstream-inference.ts';

const SCRIPT = fileURLToPath(new URL('openai_client.py', import.meta.url));
const SETUP_MS = 300_000;

const told = new Map<string, string | null>();
let stack: AsyncDisposableStack;
beforeAll(async () => {
  stack = new AsyncDisposableStack();
  const python = await pythonWithOpenAi();
  const server = stack.use(await startMemoryStack());
  const limited = stack.use(await startMemoryStack({ options: { requestsPerMinute: 1 } }));
  const upstream = stack.use(await startFakeUpstream());
  const embedding = stack.use(await startMemoryStack({ inference: stack.use(await openAgainst(upstream)) }));
  const { stdout } = await promisify(execFile)(python, [SCRIPT], {
    env: {
      PATH: process.env.PATH,
      BASE_URL: `${server.url}/v1`,
      LIMITED_URL: `${limited.url}/v1`,
      AWAY_AT_FIRST_URL: `${await startAwayAtFirst(server.url, stack)}/v1`,
      EMBEDDING_URL: `${embedding.url}/v1`,
      API_KEY: KEY,
      OTHER_KEY,
      MODEL,
    },
  });
  for (const line of stdout.trim().split('\n')) {
    const { scenario, problem } = JSON.parse(line) as { scenario: string; problem: string | null };
    told.set(scenario, problem);
  }
}, SETUP_MS);
afterAll(() => stack.disposeAsync());

/** In front of a server: the first request finds it away. */
async function startAwayAtFirst(url: string, disposing: AsyncDisposableStack): Promise<string> {
  let requests = 0;
  const proxy = createServer(async (request, response) => {
    if (requests++ === 0) return response.writeHead(503, { 'retry-after-ms': '1' }).end();
    const answer = await fetch(url + request.url, {
      method: 'POST',
      headers: { authorization: request.headers.authorization!, 'content-type': 'application/json' },
      body: await text(request),
    });
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  disposing.defer(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}

test.each([
  ['an answer comes whole', 'whole'],
  ['or streamed, with usage', 'streamed'],
  ['a stream may be left', 'left'],
  ['functions are called', 'tools'],
  ['JSON of a schema', 'schema'],
  ['an answer is stored where that is asked for', 'stored'],
  ['errors are of the kinds that the client knows', 'errors'],
  ['a stream that breaks off says so', 'broken'],
  ['a limit says how long to wait', 'limited'],
  ['what failed is tried again', 'retried'],
  ['several at once', 'at_once'],
  ['models', 'models'],
  ['responses, whole, streamed and one behind the other', 'responses'],
  ['vectors', 'embeddings'],
])('the official Python client: %s', (_what, scenario) => {
  expect(told.get(scenario)).toBeNull();
});
