import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { OpenAiHttpOptions } from '../../src/adapters/openai-http/options.ts';
import { InferenceError, type InferenceErrorKind, type TimeoutPhase } from '../../src/ports/inference.ts';
import { startFakeUpstream } from '../support/fake-upstream.ts';
import {
  CHUNKED,
  chunked,
  DONE,
  head,
  LAST_CHUNK,
  recorded,
  type Script,
  startRawUpstream,
  textEvent,
} from '../support/raw-upstream.ts';
import { openAgainst } from '../support/upstream-inference.ts';
import { type Asked, ask } from './inference.contract.ts';
import { until } from './until.ts';

type Told = Pick<Asked, 'text' | 'reasoning'> & { error: InferenceError | null; asked: Asked | null };

/** What a caller sees of a server that sends these bytes, and whether it closed the connection on a failure. */
async function told(script: Script, options: Partial<OpenAiHttpOptions> = {}): Promise<Told> {
  await using upstream = await startRawUpstream(() => script);
  await using inference = await openAgainst(upstream, options);
  const said = { text: '', reasoning: '' };
  try {
    const asked = await ask(
      { inference, model: 'raw' },
      {
        content: 'q',
        maxTokens: 50,
        onPiece: (piece) => {
          said.text += piece;
        },
      },
    );
    return { ...asked, error: null, asked };
  } catch (error) {
    expect(error).toBeInstanceOf(InferenceError);
    await until(() => upstream.seen.every(({ isClosed }) => isClosed));
    return { ...said, error: error as InferenceError, asked: null };
  }
}

function expectWhole({ text, error, asked }: Told, expected: string): void {
  expect(error).toBeNull();
  expect(text).toBe(expected);
  expect(asked!.result.finishReason).toMatch(/^(stop|length)$/);
}

describe('bytes that real servers sent', () => {
  const whole: [string, string, { prompt: number; reused: number; completion: number }][] = [
    ['vllm-stream', '\ufffd dog', { prompt: 32, reused: 0, completion: 6 }],
    ['vllm-prefix-hit', 'assistant', { prompt: 243, reused: 224, completion: 4 }],
    ['ray-llm-stream', 'Hello! I am', { prompt: 43, reused: 32, completion: 6 }],
    ['ray-serve-stream', ' t0 t1 t2', { prompt: expect.any(Number) as never, reused: 0, completion: 3 }],
    ['vllm-no-stream', '\ufffd dog', { prompt: 32, reused: 0, completion: 6 }],
  ];
  for (const [name, text, { prompt, reused, completion }] of whole) {
    it(`${name}: the whole answer`, async () => {
      const answer = await told(await recorded(name));
      expectWhole(answer, text);
      const usage = { promptTokens: prompt, reusedTokens: reused, completionTokens: completion };
      expect(answer.asked!.result.usage).toEqual(usage);
    });
  }

  const failed: [string, InferenceErrorKind, string][] = [
    ['vllm-queue-full', 'overloaded', ''],
    ['vllm-engine-killed', 'engine', 'Once upon a upon a small server'],
    ['vllm-sigterm', 'stream_cut', 'Once upon a was a small server.'],
    ['ray-llm-engine-killed', 'engine', ''],
    ['ray-llm-engine-dead', 'engine', ''],
    ['vllm-overflow-prompt', 'context_overflow', ''],
    ['vllm-overflow-max-tokens', 'context_overflow', ''],
    ['ray-llm-overflow', 'context_overflow', ''],
    ['ray-llm-overflow-max-tokens', 'context_overflow', ''],
    ['vllm-unknown-model', 'model_not_found', ''],
    ['ray-llm-unknown-model', 'model_not_found', ''],
    ['vllm-lora-gone', 'model_not_found', ''],
    ['vllm-wrong-key', 'auth', ''],
    ['vllm-bad-temperature', 'bad_request', ''],
  ];
  for (const [name, kind, said] of failed) {
    it(`${name}: ${kind}, and never taken for an answer`, async () => {
      const { error, text } = await told(await recorded(name));
      expect(error).toMatchObject({ kind });
      expect(text).toBe(said);
      // What a caller may be shown holds nothing of the server's own words.
      expect(error!.message).not.toMatch(/traceback|ray|VENV|EngineCore|max_model_len/i);
    });
  }
});

describe('forms that servers document', () => {
  const json = (status: number, body: object, more = '') =>
    `HTTP/1.1 ${status} X\r\ncontent-type: application/json\r\nconnection: close\r\n${more}\r\n${JSON.stringify(body)}`;
  const refusals: [string, string, InferenceErrorKind][] = [
    [
      'OpenAI, overflow',
      json(400, { error: { message: 'too long', type: 'invalid_request_error', code: 'context_length_exceeded' } }),
      'context_overflow',
    ],
    ['OpenAI, rate limit', json(429, { error: { type: 'requests' } }, 'retry-after: 7\r\n'), 'rate_limited'],
    ['OpenAI, key', json(401, { error: { code: 'invalid_api_key' } }), 'auth'],
    ['OpenAI, model', json(404, { error: { code: 'model_not_found' } }), 'model_not_found'],
    [
      'llama-server, overflow',
      json(400, { error: { code: 400, type: 'exceed_context_size_error', n_prompt_tokens: 9, n_ctx: 4 } }),
      'context_overflow',
    ],
    ['llama-server, loading', json(503, { error: { code: 503, type: 'unavailable_error' } }), 'overloaded'],
    ['Ollama, busy', json(503, { error: 'server busy, please try again. maximum pending requests' }), 'overloaded'],
    ['Ollama, model', json(404, { error: { message: 'model "x" not found', type: 'api_error' } }), 'model_not_found'],
    ['vLLM, old and flat', json(400, { object: 'error', message: 'maximum context length is 4' }), 'context_overflow'],
    ['an error inside 200, as JSON', json(200, { error: { message: 'no', code: 500 } }), 'engine'],
    ['a proxy that cannot reach it', 'HTTP/1.1 502 X\r\nconnection: close\r\n\r\n<html>', 'unavailable'],
    ['a proxy that waited too long', 'HTTP/1.1 504 X\r\nconnection: close\r\n\r\n<html>', 'unavailable'],
    ["a proxy's page as the answer", `${head('text/html')}<html>Sign in</html>`, 'engine'],
    ['a route that is not there yet', json(404, { detail: 'Not Found' }), 'unavailable'],
  ];
  for (const [name, bytes, kind] of refusals) {
    it(`${name}: ${kind}`, async () => {
      const { error } = await told([bytes]);
      expect(error).toMatchObject({ kind });
      if (name.includes('rate limit')) expect(error!.retryAfterMs).toBe(7000);
    });
  }

  it('llama-server: an error as a field of its own', async () => {
    const { error } = await told([head(), textEvent('a'), 'error: {"code":500,"message":"broke"}\n\n']);
    expect(error).toMatchObject({ kind: 'engine' });
  });

  it('a filter that ended it: refused, since it would refuse it again', async () => {
    const { error } = await told([head(), textEvent('a'), textEvent('', 'content_filter'), DONE]);
    expect(error).toMatchObject({ kind: 'bad_request' });
  });

  it('OpenAI: events with a field that differs each time, and usage behind the end', async () => {
    const event = (content: string, noise: string) =>
      `data: {"model":"raw","choices":[{"index":0,"delta":{"content":${JSON.stringify(content)}},"finish_reason":null}],"obfuscation":"${noise}"}\n\n`;
    const usage = 'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":3}}\n\n';
    const answer = await told([
      head(),
      event('a', 'x1'),
      event('b', 'y'),
      event('c', ''),
      textEvent('', 'stop'),
      usage,
      DONE,
    ]);
    expectWhole(answer, 'abc');
    expect(answer.asked!.result.usage).toMatchObject({ promptTokens: 3, completionTokens: 3 });
  });

  it('comments, named events, carriage returns and lines without a space', async () => {
    const crlf = textEvent('a').replaceAll('\n', '\r\n');
    const tight = textEvent('b').replace('data: ', 'data:');
    const named = `event: message\nid: 7\n${textEvent('c')}`;
    const answer = await told([head(), ': ping\n\n', crlf, tight, named, textEvent('', 'stop'), DONE]);
    expectWhole(answer, 'abc');
  });
});

describe('a stream in whatever pieces', () => {
  const pieces = ['Das ', 'ist "', 'straße\\', '\n', '東京 🙂', '👩‍🚀', '{"content":"x"}', '\u2028', 'end.'];
  const text = pieces.join('');
  const events = [...pieces.map((piece) => textEvent(piece)), textEvent('', 'stop'), DONE];
  const bytes = Buffer.from(events.join(''));

  it('in one packet', async () => expectWhole(await told([head(), bytes]), text));

  it('a byte a packet', async () => {
    expectWhole(await told([head(), ...Array.from(bytes, (byte) => Buffer.of(byte))]), text);
  });

  it('cut within every character and event', async () => {
    for (const size of [7, 61]) {
      const packets = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      );
      expectWhole(await told([head(), ...packets]), text);
    }
  });

  it('escaped as ASCII', async () => {
    const escaped = events
      .join('')
      .replaceAll(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
    expectWhole(await told([head(), escaped]), text);
  });

  it('with the halves of a character in two events', async () => {
    const half = (code: string) => textEvent('X').replace('"X"', `"${code}"`);
    expectWhole(await told([head(), half('\\ud83d'), half('\\ude42'), textEvent('', 'stop'), DONE]), '🙂');
  });

  it('compressed though nobody asked for it', async () => {
    const zipped = gzipSync(bytes);
    const headers = { 'content-encoding': 'gzip' };
    expectWhole(
      await told([head(undefined, headers), zipped.subarray(0, 50), { waitMs: 5 }, zipped.subarray(50)]),
      text,
    );
  });

  it('compressed, and cut', async () => {
    const zipped = gzipSync(bytes);
    const { error } = await told([
      head(undefined, { 'content-encoding': 'gzip' }),
      zipped.subarray(0, zipped.length - 20),
    ]);
    expect(error).toMatchObject({ kind: 'stream_cut' });
  });

  it('under a wrong content type', async () => {
    for (const type of ['text/plain', 'application/octet-stream', ''])
      expectWhole(await told([head(type), bytes]), text);
  });

  it('without [DONE]', async () => expectWhole(await told([head(), ...events.slice(0, -1)]), text));

  it('with a line of a megabyte', async () => {
    const long = 'x'.repeat(1024 * 1024);
    expectWhole(await told([head(), textEvent('a'), textEvent(long), textEvent('', 'stop'), DONE]), `a${long}`);
  });

  it('with a line that never ends: given up, not kept', async () => {
    const much = Array.from({ length: 20 }, () => 'x'.repeat(1024 * 1024));
    const { error } = await told([head(), textEvent('a').slice(0, -10), ...much]);
    expect(error).toMatchObject({ kind: 'engine' });
  });
});

describe('a stream that fails', () => {
  const faults: [string, Script, InferenceErrorKind, string][] = [
    ['reset before headers', ['reset'], 'unavailable', ''],
    ['closed before headers', [], 'unavailable', ''],
    ['empty', [head()], 'engine', ''],
    ['nothing but [DONE]', [head(), DONE], 'engine', ''],
    ['an end without a reason', [head(), textEvent('a'), textEvent('b'), DONE], 'stream_cut', 'ab'],
    ['cut between events', [head(undefined, CHUNKED), chunked(textEvent('a')), 'reset'], 'stream_cut', 'a'],
    [
      'cut within an event',
      [head(undefined, CHUNKED), chunked(textEvent('a') + textEvent('b').slice(0, 30)), 'reset'],
      'stream_cut',
      'a',
    ],
    [
      'cut within a character',
      [head(undefined, CHUNKED), chunked(Buffer.from(textEvent('a🙂')).subarray(0, -60)), 'reset'],
      'stream_cut',
      '',
    ],
    ['closed with a chunk missing', [head(undefined, CHUNKED), chunked(textEvent('a'))], 'stream_cut', 'a'],
    [
      'an error inside',
      [head(), textEvent('a'), 'data: {"error":{"message":"x","code":500}}\n\n', DONE],
      'engine',
      'a',
    ],
    ['overload inside', [head(), 'data: {"error":{"message":"x","code":503}}\n\n', DONE], 'overloaded', ''],
    ['no JSON', [head(), textEvent('a'), 'data: {"choices":\n\n'], 'engine', 'a'],
    ['JSON that is no object', [head(), 'data: null\n\n'], 'engine', ''],
  ];
  for (const [name, script, kind, said] of faults) {
    it(`${name}: ${kind}`, async () => {
      const { error, text } = await told(script);
      expect(error).toMatchObject({ kind });
      expect(text).toBe(said);
    });
  }

  it('ends whole at its last chunk, and leaves the connection to the next request', async () => {
    const script: Script = [head(undefined, CHUNKED), chunked(textEvent('a', 'stop') + DONE), LAST_CHUNK, 'stall'];
    await using upstream = await startRawUpstream(() => script);
    await using inference = await openAgainst(upstream);
    for (const content of ['1', '2', '3']) await ask({ inference, model: 'raw' }, { content, maxTokens: 5 });
    expect(upstream.seen.every(({ isClosed }) => !isClosed)).toBe(true);
  });

  it('a kept connection that the server closes meanwhile is replaced, and nobody hears of it', async () => {
    const whole = [head(undefined, CHUNKED), chunked(textEvent('a', 'stop') + DONE), LAST_CHUNK];
    const scripts: Script[] = [[...whole, 'stall'], ['reset'], [...whole, 'stall']];
    await using upstream = await startRawUpstream(() => scripts.shift()!);
    await using inference = await openAgainst(upstream);
    for (const content of ['1', '2']) {
      expect(await ask({ inference, model: 'raw' }, { content, maxTokens: 5 })).toMatchObject({ text: 'a' });
    }
    expect(upstream.seen.map(({ isClosed }) => isClosed)).toEqual([true, true, false]);
  });

  const stalls: [TimeoutPhase, Script, string][] = [
    ['first-token', ['stall'], ''],
    ['first-token', [head(), ': still here\n\n', textEvent(''), 'stall'], ''],
    ['idle', [head(), textEvent('a'), 'stall'], 'a'],
    ['total', [head(), ...Array.from({ length: 2000 }, () => [textEvent('a'), { waitMs: 2 }]).flat()], 'a'],
  ];
  for (const [phase, script, said] of stalls) {
    it(`stalls (${phase}): a timeout that says so`, async () => {
      const patience = { firstTokenMs: 300, idleMs: 300, totalMs: 900 };
      const { error, text } = await told(script, { patience });
      expect(error).toMatchObject({ kind: 'timeout', phase, retryable: true });
      expect(text.startsWith(said)).toBe(true);
    });
  }

  it('does not connect: a timeout or a refusal, at once', async () => {
    const upstream = await startFakeUpstream();
    await using inference = await openAgainst(upstream);
    await upstream[Symbol.asyncDispose]();
    const asked = ask({ inference, model: 'fake' }, { content: 'q', maxTokens: 5 });
    await expect(asked).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

describe('what goes to the server', () => {
  it('the ids of request and conversation, and the key', async () => {
    await using upstream = await startFakeUpstream({ apiKey: 'k1' });
    await using inference = await openAgainst(upstream, { apiKey: 'k1', headers: { 'x-team': 'a' } });
    await ask({ inference, model: 'fake' }, { content: 'q', maxTokens: 5, affinity: 'c7', id: 'g1', workspace: 'w' });
    const { headers, body } = upstream.seen.at(-1)!;
    expect(headers).toMatchObject({ 'x-request-id': 'g1', 'x-session-id': expect.any(String), 'x-team': 'a' });
    expect(body).toMatchObject({ cache_salt: 'w' });
  });

  it('nothing of the conversation to a server that only has the common API', async () => {
    await using upstream = await startFakeUpstream();
    await using inference = await openAgainst(upstream, { dialect: 'openai' });
    await ask({ inference, model: 'fake' }, { content: 'q', maxTokens: 5, affinity: 'c7', workspace: 'w' });
    const { headers, body } = upstream.seen.at(-1)!;
    expect(headers['x-session-id']).toBeUndefined();
    expect(body).not.toHaveProperty('cache_salt');
    expect(body.stream_options).toEqual({ include_usage: true });
  });

  it('a key in a header of its own, a query, a path and a field that a provider wants', async () => {
    const script = [head(), textEvent('a', 'stop'), DONE];
    await using upstream = await startRawUpstream(() => script);
    await using inference = await openAgainst(
      { url: `${upstream.url}/openai/x/` },
      {
        apiPath: '',
        apiKey: 'k2',
        apiKeyHeader: 'api-key',
        query: { 'api-version': '1' },
        maxTokensField: 'max_completion_tokens',
      },
    );
    await ask({ inference, model: 'raw' }, { content: 'q', maxTokens: 5 });
    const { head: sent, body } = upstream.seen.at(-1)!;
    expect(sent).toContain('POST /openai/x/chat/completions?api-version=1 HTTP');
    expect(sent).toContain('api-key: k2');
    expect(sent).not.toContain('authorization');
    expect(JSON.parse(body)).toMatchObject({ max_completion_tokens: 5 });
  });

  it.each([
    // A parser that looks for the end of a reasoning which was not begun takes the answer for it.
    ['behind text all is text', 'Half', { text: ' of it.', reasoning: '' }],
    // Nothing to go on from: it is all said anew.
    ['behind space alone the reasoning is known', '\n\n', { text: 'Whole.', reasoning: '' }],
  ])('%s', async (_, text, expected) => {
    const pieces =
      text === 'Half' ? ['{"reasoning":" of it."}'] : ['{"reasoning":"Hm."}', '{"content":"\\n\\nWhole."}'];
    const events = pieces.map((delta) => `data: {"choices":[{"delta":${delta}}]}\n\n`).join('');
    const stop = 'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n';
    await using upstream = await startRawUpstream(() => [head(), events, stop, DONE]);
    await using inference = await openAgainst(upstream);
    const prefix = { text, reasoning: 'Hm.' };
    expect(await ask({ inference, model: 'raw' }, { content: 'q', maxTokens: 9, prefix })).toMatchObject(expected);
    const { messages } = JSON.parse(upstream.seen.at(-1)!.body);
    const begun = [{ role: 'assistant', content: 'Half', reasoning: 'Hm.' }];
    expect(messages.slice(1)).toEqual(text === 'Half' ? begun : []);
  });

  it('a prefix without the space at its end, which is not said twice', async () => {
    await using upstream = await startFakeUpstream();
    await using inference = await openAgainst(upstream);
    const whole = await ask({ inference, model: 'fake' }, { content: 'q', maxTokens: 30 });
    const cut = whole.text.indexOf(' ', 20) + 1;
    const prefix = { text: whole.text.slice(0, cut), reasoning: '' };
    const rest = await ask({ inference, model: 'fake' }, { content: 'q', maxTokens: 30, prefix });
    expect((prefix.text + rest.text).startsWith(whole.text)).toBe(true);
    expect(upstream.seen.at(-1)!.body.messages.at(-1)!.content).toBe(prefix.text.trimEnd());
  });
});
