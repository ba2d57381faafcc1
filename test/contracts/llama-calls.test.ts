import type { LlamaContextSequence, SequenceEvaluateOptions, Token } from 'node-llama-cpp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChatRun } from '../../src/adapters/llama/chat-run.ts';
import type { ChatUpdate, EngineRequest } from '../../src/adapters/llama/engine-messages.ts';
import { constraintsOf } from '../../src/adapters/llama/grammar.ts';
import { type LoadedModel, loadModel } from '../../src/adapters/llama/load-model.ts';
import { MarkSpotter } from '../../src/adapters/llama/mark-spotter.ts';
import { endlessModelPath } from '../support/tiny-model.ts';

/** A model that decides by itself to call a function: its first words are scripted, the rest is its own. */
let loaded: LoadedModel;
beforeAll(async () => {
  const modelPath = await endlessModelPath();
  const options = { modelPath, modelId: 'tiny', slots: 1, contextSize: null, threads: 1, maxWaiting: 1, paceMs: 0 };
  loaded = await loadModel(options, () => {});
});
afterAll(() => loaded.llama.dispose());

const TOOLS = [{ name: 'weather', parameters: { type: 'object', properties: { city: { enum: ['Ulm', 'Bonn'] } } } }];

async function run(words: string, maxTokens = 300): Promise<ChatUpdate> {
  const real = loaded.sequences[0]!;
  await real.clearHistory();
  let isScripted = true;
  const sequence = {
    async *evaluate(tokens: Token[], options: SequenceEvaluateOptions): AsyncGenerator<Token, void> {
      if (isScripted) {
        isScripted = false;
        yield* loaded.model.tokenize(words);
      } else yield* real.evaluate(tokens, options);
    },
  } as unknown as LlamaContextSequence;
  const request: EngineRequest = {
    messages: [{ role: 'user', content: 'Weather?' }],
    prefix: { text: '', reasoning: '' },
    maxTokens,
    affinity: 'x',
    lane: 'chat',
    temperature: 1,
    tools: TOOLS,
  };
  const prompt = loaded.model.tokenize('Weather?');
  const constraints = await constraintsOf(loaded.llama, request);
  const chat = new ChatRun(loaded, { id: 1, request, prompt, sequence, reused: 0, constraints });
  await chat.read(prompt.length);
  while (!chat.ended) await chat.write();
  await chat.close();
  return chat.takeUpdate()!;
}

describe('a call that the model begins by itself', () => {
  it('is held to the schema from there on', async () => {
    const { text, call, end } = await run('Let me see. <tool_call>');
    expect(text!.text).toBe('Let me see. ');
    expect(call).toMatchObject({ id: expect.stringMatching(/^call_/), name: 'weather' });
    expect(JSON.parse(call!.arguments)).toEqual({ city: expect.stringMatching(/^(Ulm|Bonn)$/) });
    expect(end!.finishReason).toBe('tool_calls');
  });

  it('that the limit cuts is text, and said to be cut', async () => {
    const words = 'Let me see. <tool_call>';
    const { text, call, end } = await run(words, loaded.model.tokenize(words).length + 5);
    expect(call).toBeUndefined();
    expect(text!.text).toMatch(/^Let me see\. <tool_call>./);
    expect(end!.finishReason).toBe('length');
  });
});

describe('marks in a text that comes in pieces', () => {
  const spot = (marks: string[], ...pieces: string[]) => {
    const spotter = new MarkSpotter(marks);
    let said = '';
    for (const piece of pieces) {
      const { text, mark, rest } = spotter.push(piece);
      said += text;
      if (mark !== null) return { said, mark, rest };
    }
    return { said: said + spotter.flush(), mark: null, rest: '' };
  };

  it('are found wherever they are cut, and nothing else is held back for good', () => {
    expect(spot(['END'], 'one E', 'N', 'D two')).toEqual({ said: 'one ', mark: 'END', rest: ' two' });
    expect(spot(['END'], 'one E', 'N', 'x')).toEqual({ said: 'one ENx', mark: null, rest: '' });
    expect(spot(['END'], 'one EN')).toEqual({ said: 'one EN', mark: null, rest: '' });
    expect(spot(['bb', 'ab'], 'xa', 'bb')).toEqual({ said: 'x', mark: 'ab', rest: 'b' });
    expect(spot([''], 'one')).toEqual({ said: 'one', mark: null, rest: '' });
  });
});
