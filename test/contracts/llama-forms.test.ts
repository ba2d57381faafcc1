import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LlamaEngine } from '../../src/adapters/llama/engine.ts';
import type { ModelParams } from '../../src/protocol/model-params.ts';
import { endlessModelPath } from '../support/tiny-model.ts';
import { ask } from './inference.contract.ts';

/** What the embedded engine makes of a request's parameters. Its weights are random: only form can be kept to. */
const CONTENT = 'Tell me of the sea.';
const VERDICT = {
  type: 'object',
  properties: {
    ok: { type: 'boolean' },
    colour: { anyOf: [{ const: 'red' }, { const: 'blue' }] },
    tags: { type: 'array', items: { enum: ['a', 'b'] }, minItems: 1, maxItems: 2 },
  },
  required: ['ok', 'colour', 'tags'],
  additionalProperties: false,
};

let engine: LlamaEngine;
beforeAll(async () => {
  engine = new LlamaEngine({ modelPath: await endlessModelPath(), modelId: 'tiny' });
  await engine.ready();
});
afterAll(() => engine[Symbol.asyncDispose]());

const answer = (params: ModelParams, maxTokens = 400) =>
  ask({ inference: engine, model: 'tiny' }, { content: CONTENT, maxTokens, params });

describe('a form that is to be kept to', () => {
  it('is kept to: JSON of a schema, and nothing behind it', async () => {
    for (const temperature of [0, 1, 2]) {
      const { text, result } = await answer({
        temperature,
        responseFormat: { kind: 'schema', name: 'verdict', schema: VERDICT },
      });
      expect(JSON.parse(text)).toEqual({
        ok: expect.any(Boolean),
        colour: expect.stringMatching(/^(red|blue)$/),
        tags: expect.arrayContaining([expect.stringMatching(/^[ab]$/)]),
      });
      expect(result.finishReason).toBe('stop');
    }
  });

  it('may be any JSON object', async () => {
    const { text } = await answer({ responseFormat: { kind: 'json' }, temperature: 0 }, 60);
    expect(text.trimStart()).toMatch(/^\{/);
  });

  it('is refused where no grammar says it', async () => {
    const asked = answer({ responseFormat: { kind: 'schema', name: 'x', schema: { allOf: [{ type: 'string' }] } } });
    await expect(asked).rejects.toMatchObject({ kind: 'bad_request', message: expect.stringContaining('allOf') });
  });
});

describe('functions', () => {
  const tools = [
    { name: 'weather', parameters: { type: 'object', properties: { city: { enum: ['Ulm', 'Bonn'] } } } },
    { name: 'now' },
  ];

  it('that must be called are called by the schema of their arguments', async () => {
    const { toolCall, text, result } = await answer({ tools, toolChoice: { name: 'weather' }, temperature: 1 });
    expect(toolCall).toMatch(/^weather \{"city":"(Ulm|Bonn)"\}$/);
    expect(text).toBe('');
    expect(result.finishReason).toBe('tool_calls');
  });

  it('any of which must be called: one is', async () => {
    const { toolCall } = await answer({ tools, toolChoice: 'required', temperature: 1 });
    expect(toolCall).toMatch(/^(weather \{"city":"(Ulm|Bonn)"\}|now \{\})$/);
  });

  it('are told to the model, and may be left alone', async () => {
    const with_ = await answer({ tools, temperature: 0 }, 10);
    const without = await answer({ tools, toolChoice: 'none', temperature: 0 }, 10);
    expect(with_.promptTokens).toBeGreaterThan(without.promptTokens);
    expect(with_.result.finishReason).toBe('length');
  });
});

describe('words', () => {
  it('end before a stop, however it falls into tokens', async () => {
    const { text } = await answer({ temperature: 0 }, 60);
    const stop = text.slice(20, 26);
    const cut = await answer({ temperature: 0, stop: ['never said', stop] }, 60);
    expect(cut.text).toBe(text.slice(0, text.indexOf(stop)));
    expect(cut.result.finishReason).toBe('stop');
  });

  it('are the same for the same seed, and others for another', async () => {
    const say = async (seed: number) => (await answer({ temperature: 1.5, seed }, 30)).text;
    const first = await say(7);
    expect(await say(7)).toBe(first);
    expect(await say(8)).not.toBe(first);
  });

  it('go on right behind a text without a chat form', async () => {
    const chat = await answer({ temperature: 0 }, 5);
    const plain = await answer({ temperature: 0, form: 'completion' }, 5);
    const [count] = await engine.countTokens('tiny', [CONTENT]);
    expect(plain.promptTokens).toBeLessThan(chat.promptTokens);
    expect(plain.promptTokens - count!).toBeLessThanOrEqual(1);
    expect(plain.text).not.toBe('');
  });
});
