import { describe, expect, it } from 'vitest';
import { answerText, embeddingOf, type FakeUpstreamOptions, startFakeUpstream } from '../support/fake-upstream.ts';
import { openAgainst } from '../support/upstream-inference.ts';
import { ask, inferenceContract } from './inference.contract.ts';

inferenceContract('OpenAI over HTTP', async ({ paceMs }) => open({ paceMs }));

async function open(options: FakeUpstreamOptions) {
  let upstream = await startFakeUpstream(options);
  const inference = await openAgainst(upstream);
  return {
    inference,
    model: 'fake',
    kill: () => {
      void upstream[Symbol.asyncDispose]().then(async () => {
        upstream = await startFakeUpstream({ ...options, port: upstream.port });
      });
    },
    close: async () => {
      await inference[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

describe('what a caller asks for beside its words', () => {
  const CALLABLE = [{ name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } }];

  it('goes along as it is', async () => {
    await using upstream = await startFakeUpstream();
    await using inference = await openAgainst(upstream);
    const params = {
      topP: 0.5,
      seed: 3,
      stop: ['END'],
      frequencyPenalty: 1,
      presencePenalty: -1,
      tools: CALLABLE,
      toolChoice: { name: 'weather' },
      parallelToolCalls: false,
      responseFormat: { kind: 'schema', name: 'x', schema: { type: 'object' }, strict: true },
    } as const;
    const messages = [
      { role: 'user', content: 'Weather?' },
      { role: 'assistant', content: '', toolCalls: [{ id: 'c1', name: 'weather', arguments: '{}' }] },
      { role: 'tool', content: 'rain', toolCallId: 'c1' },
    ] as const;
    await ask({ inference, model: 'fake' }, { content: '', messages, maxTokens: 5, params });
    expect(upstream.seen.at(-1)!.body).toMatchObject({
      top_p: 0.5,
      seed: 3,
      stop: ['END'],
      frequency_penalty: 1,
      presence_penalty: -1,
      tools: [{ type: 'function', function: CALLABLE[0] }],
      tool_choice: { type: 'function', function: { name: 'weather' } },
      parallel_tool_calls: false,
      response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object' }, strict: true } },
      messages: [
        { role: 'user', content: 'Weather?' },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c1', type: 'function', function: { name: 'weather', arguments: '{}' } }],
        },
        { role: 'tool', content: 'rain', tool_call_id: 'c1' },
      ],
    });
  });

  it('brings calls of functions, in pieces', async () => {
    await using upstream = await startFakeUpstream();
    await using inference = await openAgainst(upstream);
    const asked = await ask(
      { inference, model: 'fake' },
      { content: '[[call]]', maxTokens: 50, params: { tools: CALLABLE } },
    );
    expect(asked.toolCall).toBe('weather {"city":"Ulm"}');
    expect(asked.result.finishReason).toBe('tool_calls');
  });

  it('has a text gone on with, without a chat form', async () => {
    await using upstream = await startFakeUpstream();
    await using inference = await openAgainst(upstream);
    const params = { form: 'completion' } as const;
    const asked = await ask({ inference, model: 'fake' }, { content: 'The sea', maxTokens: 9, params });
    expect(asked.text).toBe(answerText('The sea', 9));
    expect(upstream.seen.at(-1)!.body).toMatchObject({ prompt: 'The sea' });
  });

  it('has vectors made, in the order of the texts', async () => {
    await using upstream = await startFakeUpstream();
    await using inference = await openAgainst(upstream);
    const { signal } = new AbortController();
    const made = await inference.embed({ model: 'fake', inputs: ['sea', 'cold wind'] }, signal);
    expect(made).toEqual({ vectors: [embeddingOf('sea'), embeddingOf('cold wind')], promptTokens: 3, model: 'fake' });
  });
});

it('a server that refuses to count is not asked again: counts are estimates', async () => {
  await using upstream = await startFakeUpstream({ countsNothing: true });
  await using inference = await openAgainst(upstream);
  const word = 'a'.repeat(400);
  const [estimate] = await inference.countTokens('fake', [word]);
  Object.assign(upstream.options, { countsNothing: false });
  expect(estimate).toBeGreaterThan(20);
  expect(await inference.countTokens('fake', [word])).toEqual([estimate]);
});
