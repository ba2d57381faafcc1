import { expect, it } from 'vitest';
import type { ChatUpdate } from '../../src/adapters/llama/engine-messages.ts';
import type { LoadedModel } from '../../src/adapters/llama/load-model.ts';
import { Scheduler } from '../../src/adapters/llama/scheduler.ts';
import { until } from '../contracts/until.ts';

const PROMPT = [1, 2, 3];

/** A model whose one sequence keeps whoever wants its memory erased waiting until the gate opens. */
function gatedModel(gate: Promise<void>) {
  const calls: string[] = [];
  const sequence = {
    nextTokenIndex: 5,
    compareContextTokens: () => ({ firstDifferentIndex: 0 }),
    async eraseContextTokenRanges() {
      calls.push('erase');
      await gate;
    },
    async evaluateWithoutGeneratingNewTokens() {
      calls.push('read');
    },
    evaluate() {
      calls.push('write');
      throw new Error('it is not to be asked');
    },
    async clearHistory() {},
  };
  const model = {
    sequences: [sequence],
    threads: { decode: 1, prefill: 1 },
    prefillRate: 100,
    contextSize: 100,
    model: { tokenize: () => [], detokenize: () => '' },
    form: { render: () => PROMPT, opensReasoning: false },
    llama: {},
  } as unknown as LoadedModel;
  return { model, calls };
}

const REQUEST = {
  messages: [{ role: 'user', content: 'Hello' }],
  prefix: { text: '', reasoning: '' },
  maxTokens: 5,
  affinity: 'a',
  lane: 'stream',
} as const;
const OPTIONS = { maxWaiting: 10, paceMs: 0 } as never;

it('a chat that is cancelled while its place is made ready is never read or written', async () => {
  const gate = Promise.withResolvers<void>();
  const { model, calls } = gatedModel(gate.promise);
  const updates: ChatUpdate[] = [];
  const scheduler = new Scheduler(model, OPTIONS, (sent) => updates.push(...sent));
  scheduler.submit(1, REQUEST);
  await until(() => calls.includes('erase'));
  scheduler.cancel(1);
  gate.resolve();
  await until(() => !scheduler.busy);
  expect(calls).toEqual(['erase']);
  expect(updates).toEqual([]);
});
