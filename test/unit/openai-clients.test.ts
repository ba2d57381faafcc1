import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../contracts/until.ts';
import { embeddingOf, startFakeUpstream } from '../support/fake-upstream.ts';
import { call } from '../support/http-client.ts';
import { KEY, type MemoryStack, OTHER_KEY, startMemoryStack } from '../support/memory-stack.ts';
import { MODEL, type ScriptedInference } from '../support/scripted-inference.ts';
import { openAgainst } from '../support/upstream-inference.ts';

/** The official client, unchanged, against the real HTTP server and core over the in-memory adapters. */
let stack: MemoryStack;
let client: OpenAI;
let model: ScriptedInference;
beforeAll(async () => {
  stack = await startMemoryStack();
  model = stack.inference as ScriptedInference;
  client = new OpenAI({ apiKey: KEY, baseURL: `${stack.url}/v1`, maxRetries: 0 });
});
afterAll(() => stack[Symbol.asyncDispose]());

const ask = (content: string, more: Partial<OpenAI.ChatCompletionCreateParamsNonStreaming> = {}) =>
  client.chat.completions.create({ model: MODEL, messages: [{ role: 'user', content }], ...more });
const stream = (content: string, more: Partial<OpenAI.ChatCompletionCreateParamsStreaming> = {}) =>
  client.chat.completions.create({ model: MODEL, messages: [{ role: 'user', content }], ...more, stream: true });
const conversationsOf = async (user: string) =>
  (await call(stack.url, 'GET', `/users/${user}/conversations`, { key: KEY })).json.items;

describe('chat.completions', () => {
  test('answers whole, with usage', async () => {
    const answer = await ask('say Paris|, of course.');
    expect(answer.choices[0]!.message).toMatchObject({ role: 'assistant', content: 'Paris, of course.' });
    expect(answer.choices[0]!.finish_reason).toBe('stop');
    expect(answer.model).toBe(MODEL);
    expect(answer.id).toMatch(/^chatcmpl-/);
    expect(answer.usage).toMatchObject({ completion_tokens: 2, total_tokens: answer.usage!.prompt_tokens + 2 });
  });

  test('streams, with usage where it is asked for', async () => {
    let text = '';
    let usage: unknown = null;
    const reasons: unknown[] = [];
    for await (const chunk of await stream('say one |two |three', { stream_options: { include_usage: true } })) {
      text += chunk.choices[0]?.delta.content ?? '';
      if (chunk.choices[0]?.finish_reason) reasons.push(chunk.choices[0].finish_reason);
      usage = chunk.usage ?? usage;
    }
    expect(text).toBe('one two three');
    expect(reasons).toEqual(['stop']);
    expect(usage).toMatchObject({ completion_tokens: 3 });
  });

  test('has the model read exactly the messages and parameters of the request', async () => {
    await client.chat.completions.create({
      model: MODEL,
      messages: [
        { role: 'developer', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'say ' },
            { type: 'text', text: 'x' },
          ],
        },
      ],
      temperature: 0.3,
      top_p: 0.9,
      seed: 7,
      stop: ['END'],
      frequency_penalty: 0.5,
      presence_penalty: -0.5,
      max_tokens: 5,
      response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object' }, strict: true } },
    });
    expect(model.requests.at(-1)).toMatchObject({
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'say x' },
      ],
      temperature: 0.3,
      topP: 0.9,
      seed: 7,
      stop: ['END'],
      frequencyPenalty: 0.5,
      presencePenalty: -0.5,
      maxTokens: 5,
      responseFormat: { kind: 'schema', name: 'x', schema: { type: 'object' }, strict: true },
    });
  });

  test('tells what a model thinks apart from what it says', async () => {
    const whole = (await ask('think Hm.|say Yes.')).choices[0]!.message;
    expect(whole).toMatchObject({ content: 'Yes.', reasoning_content: 'Hm.' });
    let reasoning = '';
    for await (const chunk of await stream('think Hm.|say Yes.')) {
      reasoning += (chunk.choices[0]?.delta as { reasoning_content?: string } | undefined)?.reasoning_content ?? '';
    }
    expect(reasoning).toBe('Hm.');
  });

  const tools: OpenAI.ChatCompletionTool[] = [
    {
      type: 'function',
      function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
    },
  ];

  test('asks for calls of functions, and takes what they came to', async () => {
    const answer = await ask('say Let me see.|call weather {"city":"Ulm"}', { tools, tool_choice: 'auto' });
    const [choice] = answer.choices;
    expect(choice!.finish_reason).toBe('tool_calls');
    expect(choice!.message).toMatchObject({
      content: 'Let me see.',
      tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Ulm"}' } }],
    });
    await client.chat.completions.create({
      model: MODEL,
      tools,
      messages: [
        { role: 'user', content: 'say x' },
        choice!.message,
        { role: 'tool', tool_call_id: 'call_1', content: 'rain' },
      ],
    });
    expect(model.requests.at(-1)!.messages).toEqual([
      { role: 'user', content: 'say x' },
      {
        role: 'assistant',
        content: 'Let me see.',
        toolCalls: [{ id: 'call_1', name: 'weather', arguments: '{"city":"Ulm"}' }],
      },
      { role: 'tool', content: 'rain', toolCallId: 'call_1' },
    ]);
  });

  test('streams calls of functions as the client puts them together', async () => {
    const runner = client.chat.completions.stream({
      model: MODEL,
      messages: [{ role: 'user', content: 'call weather {"city":"Ulm"}' }],
      tools,
    });
    const final = await runner.finalChatCompletion();
    expect(final.choices[0]!.finish_reason).toBe('tool_calls');
    expect(final.choices[0]!.message.tool_calls?.[0]).toMatchObject({
      id: 'call_1',
      function: { name: 'weather', arguments: '{"city":"Ulm"}' },
    });
  });

  test('is parsed by a schema', async () => {
    const answer = await client.chat.completions.parse({
      model: MODEL,
      messages: [{ role: 'user', content: 'say {"ok":|true}' }],
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'verdict', schema: { type: 'object', properties: { ok: { type: 'boolean' } } } },
      },
    });
    expect(answer.choices[0]!.message.content).toBe('{"ok":true}');
  });

  test('leaves no trace among the conversations, and is forgotten', async () => {
    const answer = await ask('say secret words', { user: 'stateless' });
    expect(await conversationsOf('stateless')).toEqual([]);
    const id = answer.id.replace('chatcmpl-', '');
    expect((await call(stack.url, 'GET', `/check-response/${id}`, { key: KEY })).status).toBe(404);
    const found = await call(stack.url, 'GET', '/users/stateless/search?q=secret', { key: KEY });
    expect(found.json.items).toEqual([]);
    expect(await stack.ports.generations.find(id)).not.toBeNull();
    expect(await stack.ports.outbox.forgetTransient(0, 1000)).toBeGreaterThan(0);
    expect(await stack.ports.generations.find(id)).toBeNull();
  });

  test('is stored where that is asked for: a conversation like any other, resumable', async () => {
    const first = await ask('say one', { user: 'keeper', store: true });
    const { conversation_id } = (first as unknown as { metadata: { conversation_id: string } }).metadata;
    await ask('say two', { user: 'keeper', store: true, metadata: { conversation_id } });
    const path = `/users/keeper/conversations/${conversation_id}/messages`;
    const { items } = (await call(stack.url, 'GET', path, { key: KEY })).json;
    expect(items.map((each: { content: string }) => each.content)).toEqual(['two', 'say two', 'one', 'say one']);
    const id = first.id.replace('chatcmpl-', '');
    const streamed = await call(stack.url, 'GET', `/stream/${id}`, { key: KEY });
    expect(streamed.text).toContain('"token":"one"');
    await expect(ask('say x', { store: true, metadata: { conversation_id: '99' } })).rejects.toMatchObject({
      status: 404,
    });
    await expect(ask('say x', { store: true, metadata: { conversation_id: 'x' } })).rejects.toMatchObject({
      status: 400,
      param: 'metadata.conversation_id',
    });
  });

  test('the page goes on in a stored conversation from what it shows', async () => {
    const stored = await client.chat.completions.create({
      model: MODEL,
      user: 'mixed',
      store: true,
      messages: [
        { role: 'system', content: 'Never shown.' },
        { role: 'user', content: 'say one' },
      ],
    });
    expect(stored.choices[0]!.message.content).toBe('one');
    await call(stack.url, 'POST', '/chat', {
      key: KEY,
      body: { user_id: 'mixed', message: 'say next', conversation_id: 1 },
    });
    expect(model.requests.at(-1)!.messages.map(({ content }) => content)).toEqual(['say one', 'one', 'say next']);
  });
});

describe('responses', () => {
  const weather: OpenAI.Responses.Tool[] = [
    { type: 'function', name: 'weather', parameters: { type: 'object', properties: {} }, strict: false },
  ];

  test('answer whole', async () => {
    const answer = await client.responses.create({
      model: MODEL,
      instructions: 'Be brief.',
      input: 'think Hm.|say one| two',
    });
    expect(answer.output_text).toBe('one two');
    expect(answer).toMatchObject({ status: 'completed', store: false, usage: { output_tokens: 2 } });
    expect(answer.output.map(({ type }) => type)).toEqual(['reasoning', 'message']);
    expect(model.requests.at(-1)!.messages[0]).toEqual({ role: 'system', content: 'Be brief.' });
  });

  test('stream, as the client puts them together', async () => {
    const opened = client.responses.stream({
      model: MODEL,
      input: 'think Hm.|say one| two|call weather {"city":"Ulm"}',
      tools: weather,
    });
    const kinds: string[] = [];
    for await (const event of opened) kinds.push(event.type);
    const final = await opened.finalResponse();
    expect(final.output_text).toBe('one two');
    expect(final.output).toMatchObject([
      { type: 'reasoning', content: [{ text: 'Hm.' }] },
      { type: 'message', status: 'completed' },
      { type: 'function_call', call_id: 'call_1', name: 'weather', arguments: '{"city":"Ulm"}' },
    ]);
    expect(kinds[0]).toBe('response.created');
    expect(kinds.at(-1)).toBe('response.completed');
  });

  test('go on behind one that was stored', async () => {
    const first = await client.responses.create({
      model: MODEL,
      user: 'chain',
      store: true,
      input: 'call weather {}',
      tools: weather,
    });
    const [call] = first.output;
    expect(call).toMatchObject({ type: 'function_call', call_id: 'call_1' });
    const second = await client.responses.create({
      model: MODEL,
      user: 'chain',
      store: true,
      previous_response_id: first.id,
      input: [
        { type: 'function_call_output', call_id: 'call_1', output: 'rain' },
        { role: 'user', content: 'say two' },
      ],
    });
    expect(second.output_text).toBe('two');
    expect(model.requests.at(-1)!.messages).toEqual([
      { role: 'user', content: 'call weather {}' },
      { role: 'assistant', content: '', toolCalls: [{ id: 'call_1', name: 'weather', arguments: '{}' }] },
      { role: 'tool', content: 'rain', toolCallId: 'call_1' },
      { role: 'user', content: 'say two' },
    ]);
    expect((await client.responses.retrieve(second.id)).output_text).toBe('two');
    expect((await conversationsOf('chain')).length).toBe(1);
  });

  test('that were not stored cannot be gone on with', async () => {
    const first = await client.responses.create({ model: MODEL, input: 'say one' });
    await expect(client.responses.retrieve(first.id)).rejects.toMatchObject({ status: 404 });
    const asked = client.responses.create({ model: MODEL, input: 'say two', previous_response_id: first.id });
    await expect(asked).rejects.toMatchObject({ status: 404 });
  });

  test('that break off say so', async () => {
    const reading = async () => {
      for await (const _ of await client.responses.create({ model: MODEL, input: 'say a|!', stream: true }));
    };
    await expect(reading()).rejects.toMatchObject({ code: 'request_refused' });
  });
});

describe('leaving', () => {
  test('a stream that is aborted is given up', async () => {
    model.hold();
    const before = model.requests.length;
    const leaving = new AbortController();
    const opened = client.chat.completions.create(
      { model: MODEL, messages: [{ role: 'user', content: 'say a|b' }], stream: true },
      { signal: leaving.signal },
    );
    await until(async () => model.requests.length > before);
    leaving.abort();
    await expect(opened).rejects.toThrow(/aborted/i);
    await until(async () => stack.runner.running === 0);
    model.release();
  });

  test('so is an answer that is not streamed', async () => {
    model.hold();
    const before = model.requests.length;
    const leaving = new AbortController();
    const asked = client.chat.completions.create(
      { model: MODEL, messages: [{ role: 'user', content: 'say a|b' }] },
      { signal: leaving.signal },
    );
    await until(async () => model.requests.length > before);
    leaving.abort();
    await expect(asked).rejects.toThrow(/aborted/i);
    await until(async () => stack.runner.running === 0);
    model.release();
  });

  test('an answer that somebody else stops does not pass for a whole one', async () => {
    const before = model.requests.length;
    const reading = (async () => {
      let text = '';
      for await (const chunk of await stream('say first|~|last', { store: true, user: 'stopped' })) {
        text += chunk.choices[0]?.delta.content ?? '';
        if (text === 'first') await call(stack.url, 'POST', `/generations/${chunk.id.slice(9)}/stop`, { key: KEY });
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'answer_stopped' });
    expect(model.requests.length).toBe(before + 1);
  });

  test('one that is stored is made all the same', async () => {
    model.hold();
    const before = model.requests.length;
    const leaving = new AbortController();
    const opened = client.chat.completions.create(
      { model: MODEL, messages: [{ role: 'user', content: 'say kept' }], stream: true, store: true, user: 'leaver' },
      { signal: leaving.signal },
    );
    await until(async () => model.requests.length > before);
    leaving.abort();
    await expect(opened).rejects.toThrow(/aborted/i);
    model.release();
    const path = '/users/leaver/conversations/1/messages';
    await until(async () => (await call(stack.url, 'GET', path, { key: KEY })).json.items?.[0]?.content === 'kept');
  });
});

describe('errors', () => {
  test('401 without a known key', async () => {
    const stranger = new OpenAI({ apiKey: 'nobody', baseURL: `${stack.url}/v1`, maxRetries: 0 });
    await expect(stranger.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    await expect(stranger.models.list()).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' });
  });

  test('404 for a model that is not here, with those that are', async () => {
    const asked = ask('x', { model: 'gpt-unknown' });
    await expect(asked).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(asked).rejects.toMatchObject({
      code: 'model_not_found',
      param: 'model',
      message: expect.stringContaining(MODEL),
    });
    await expect(client.models.retrieve('gpt-unknown')).rejects.toMatchObject({ status: 404 });
  });

  test.each([
    ['n', { n: 2 }, 'n'],
    ['a temperature', { temperature: 9 }, 'temperature'],
    [
      'a picture',
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
      'messages.0.content.0.type',
    ],
    ['no messages', { messages: [] }, 'messages'],
    [
      'a tool that is none',
      {
        tools: [{ type: 'function', function: { name: 'a' } }],
        tool_choice: { type: 'function', function: { name: 'b' } },
      },
      'tool_choice',
    ],
    ['log probabilities', { logprobs: true }, 'logprobs'],
    [
      'a schema that cannot be kept',
      { tools: [{ type: 'function', function: { name: 'a', parameters: { 'x\0': 1 } } }] },
      'tools',
    ],
  ] as const)('400 names the field: %s', async (_what, more, param) => {
    const asked = ask('x', more as object);
    await expect(asked).rejects.toBeInstanceOf(OpenAI.BadRequestError);
    await expect(asked).rejects.toMatchObject({ param, type: 'invalid_request_error' });
  });

  test('400 for what is longer than the model reads, streamed or not', async () => {
    const long = 'x '.repeat(20_000);
    const expected = { status: 400, code: 'context_length_exceeded' };
    await expect(ask(long)).rejects.toMatchObject(expected);
    await expect(stream(long)).rejects.toMatchObject(expected);
  });

  test('400 for what a model refuses, and no dead letter', async () => {
    const before = await stack.ports.deadLetters.count();
    await expect(ask('fail')).rejects.toMatchObject({ status: 400, code: 'request_refused' });
    await expect(stream('fail')).rejects.toMatchObject({ status: 400, code: 'request_refused' });
    expect(await stack.ports.deadLetters.count()).toBe(before);
  });

  test('429 says how long to wait, and is tried again', async () => {
    await using limited = await startMemoryStack({ options: { requestsPerMinute: 1 } });
    const once = new OpenAI({ apiKey: KEY, baseURL: `${limited.url}/v1`, maxRetries: 0 });
    const body = { model: MODEL, messages: [{ role: 'user' as const, content: 'say x' }] };
    await once.chat.completions.create(body);
    const refused = await once.chat.completions.create(body).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(OpenAI.RateLimitError);
    expect(Number((refused as InstanceType<typeof OpenAI.RateLimitError>).headers.get('retry-after'))).toBeGreaterThan(
      0,
    );
    let calls = 0;
    const retrying = new OpenAI({
      apiKey: OTHER_KEY,
      baseURL: `${limited.url}/v1`,
      maxRetries: 2,
      fetch: async (url, init) => {
        calls += 1;
        if (calls === 1) return new Response('', { status: 503, headers: { 'retry-after-ms': '1' } });
        return fetch(url, init);
      },
    });
    const answer = await retrying.chat.completions.create(body);
    expect(answer.choices[0]!.message.content).toBe('x');
    expect(calls).toBe(2);
  });

  test('an answer that breaks off behind its first words ends in an error, not in silence', async () => {
    let text = '';
    const reading = async () => {
      for await (const chunk of await stream('say a|b|!')) text += chunk.choices[0]?.delta.content ?? '';
    };
    await expect(reading()).rejects.toMatchObject({ code: 'request_refused' });
    expect(text).toBe('ab');
  });
});

describe('the rest', () => {
  test('models', async () => {
    const models = [];
    for await (const each of client.models.list()) models.push(each.id);
    expect(models).toEqual([MODEL]);
    expect((await client.models.retrieve(MODEL)).id).toBe(MODEL);
  });

  test('completions go on with a text', async () => {
    const whole = await client.completions.create({ model: MODEL, prompt: 'say one| two', max_tokens: 9 });
    expect(whole.choices[0]!.text).toBe('one two');
    expect(model.requests.at(-1)).toMatchObject({ form: 'completion', maxTokens: 9 });
    let text = '';
    for await (const chunk of await client.completions.create({ model: MODEL, prompt: 'say one| two', stream: true })) {
      text += chunk.choices[0]?.text ?? '';
    }
    expect(text).toBe('one two');
  });

  test('embeddings say that nobody here makes any', async () => {
    await expect(client.embeddings.create({ model: MODEL, input: 'x' })).rejects.toMatchObject({
      status: 400,
      code: 'embeddings_unsupported',
    });
  });
});

test('embeddings come from an inference server that makes them', async () => {
  await using upstream = await startFakeUpstream();
  await using inference = await openAgainst(upstream);
  await using own = await startMemoryStack({ inference });
  const here = new OpenAI({ apiKey: KEY, baseURL: `${own.url}/v1`, maxRetries: 0 });
  for (const encoding_format of [undefined, 'float'] as const) {
    const made = await here.embeddings.create({
      model: 'fake',
      input: ['sea', 'wind'],
      ...(encoding_format && { encoding_format }),
    });
    expect(made.data.map(({ embedding }) => embedding)).toEqual([embeddingOf('sea'), embeddingOf('wind')]);
  }
});

test('a server that goes away gives nothing up: the same request finds its answer at another', async () => {
  const own = await startMemoryStack();
  const inference = own.inference as ScriptedInference;
  inference.hold();
  const body = { messages: [{ role: 'user', content: 'say x' }] };
  const headers = { 'idempotency-key': 'sent-again' };
  const asked = [false, true].map((stream) =>
    call(own.url, 'POST', '/v1/chat/completions', {
      key: KEY,
      body: { ...body, stream },
      headers: stream ? {} : headers,
    }),
  );
  await until(() => inference.requests.length === 2);
  const closing = own.app.close();
  for (const { status, headers: answered } of await Promise.all(asked)) {
    expect([status, answered.get('x-error-code')]).toEqual([503, 'shutting_down']);
  }
  await closing;
  expect(own.runner.running).toBe(2);
  inference.release();
  await until(() => own.runner.running === 0);
  await own[Symbol.asyncDispose]();
});
