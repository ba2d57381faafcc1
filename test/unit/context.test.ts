import { afterAll, beforeAll, expect, test } from 'vitest';
import { summaryKey } from '../../src/core/conversation-summary.ts';
import { InferenceError, type InferenceRequest, type InferenceResult } from '../../src/ports/inference.ts';
import { until } from '../contracts/until.ts';
import { call } from '../support/http-client.ts';
import { KEY, type MemoryStack, startMemoryStack } from '../support/memory-stack.ts';
import { ScriptedInference } from '../support/scripted-inference.ts';

const WINDOW = 400;
const SUMMARY = 'They counted to three.';
const tokensOf = ({ messages }: InferenceRequest) =>
  messages.reduce((sum, { content }) => sum + Math.ceil(content.length / 4) + 4, 0);

/** With a small window, and a tokenizer that its server does not agree with on the word `dense`. */
class SmallInference extends ScriptedInference {
  counted: string[] = [];

  override async countTokens(...call: Parameters<ScriptedInference['countTokens']>): Promise<readonly number[]> {
    this.counted.push(...call[1]);
    return await super.countTokens(...call);
  }

  override models() {
    return super.models().map((model) => ({ ...model, contextWindow: WINDOW, systemPrompt: 'Be brief.' }));
  }

  override async generate(...call: Parameters<ScriptedInference['generate']>): Promise<InferenceResult> {
    const [request, sink] = call;
    if (!request.messages.at(-1)!.content.startsWith('Below is')) {
      const isDense = request.messages.some(({ content }) => content.includes('dense'));
      if (!isDense || tokensOf(request) < WINDOW * 0.7) return await super.generate(...call);
      this.requests.push(request);
      throw new InferenceError('context_overflow', 'too long after all');
    }
    this.requests.push(request);
    sink.prompted(10, 0);
    sink.text(SUMMARY, 5);
    const usage = { promptTokens: 10, reusedTokens: 0, completionTokens: 5 };
    return { finishReason: 'stop', usage, model: request.model };
  }
}

let stack: MemoryStack;
const inference = new SmallInference();
beforeAll(async () => {
  stack = await startMemoryStack({ inference, summary: { every: 2, maxTokens: 50, ttlMs: 60_000 } });
});
afterAll(() => stack[Symbol.asyncDispose]());

/** One turn; returns its receipt and what the model read for it. */
async function say(user: string, words: string, number?: number) {
  const asked = inference.requests.length;
  const body = { user_id: user, message: `say ok ${words}`, max_tokens: 32, conversation_id: number };
  const { json } = await call(stack.url, 'POST', '/chat', { key: KEY, body });
  const path = `/users/${user}/conversations/${json.conversation_id}/messages?limit=1`;
  const [answer] = (await call(stack.url, 'GET', path, { key: KEY })).json.items;
  const read = inference.requests.slice(asked).filter(({ id }) => id === answer.id);
  return { receipt: answer.receipt, read, number: json.conversation_id as number, id: answer.id as string };
}

const LONG = 'word '.repeat(60);

test('a prompt that fits however it is counted is not counted', async () => {
  inference.counted = [];
  const { number } = await say('eve', 'once');
  expect(inference.counted).toEqual([]);
  await say('eve', LONG, number);
  expect(inference.counted).not.toEqual([]);
});

test('what no longer fits is trimmed, and a running summary stands in for it', async () => {
  let turn = await say('ada', LONG);
  while (turn.receipt.trimmed_messages < 2) turn = await say('ada', LONG, turn.number);
  expect(tokensOf(turn.read[0]!)).toBeLessThan(WINDOW);
  expect(turn.receipt.summarised_messages).toBe(0);
  const { conversationId } = (await stack.ports.generations.find(turn.id))!;
  await until(async () => (await stack.ports.cache.get(summaryKey(conversationId))) !== null);

  const next = await say('ada', 'and now?', turn.number);
  expect(next.receipt.trimmed_messages).toBeGreaterThan(0);
  expect(next.receipt.summarised_messages).toBeGreaterThan(0);
  const [system, ...turns] = next.read[0]!.messages;
  expect(system).toEqual({
    role: 'system',
    content: `Be brief.\n\nThe conversation began before what follows. In short: ${SUMMARY}`,
  });
  expect(turns.at(-1)!.content).toBe('say ok and now?');
  // Nobody sees how it was made.
  const { items } = (await call(stack.url, 'GET', '/users/ada/conversations', { key: KEY })).json;
  expect(items).toHaveLength(1);

  // The next summary is made of the one before and what has fallen out since.
  const made = () => inference.requests.filter(({ messages }) => messages[0]!.content.startsWith('Below is'));
  for (const before = made().length; made().length === before; ) await say('ada', LONG, turn.number);
  expect(made().at(-1)!.messages[0]!.content).toContain(`What came before: ${SUMMARY}`);
  expect(made().at(-1)!.lane).toBe('batch');
});

test('a prompt that the model finds too long after all is trimmed once more', async () => {
  let turn = await say('bob', `dense ${LONG}`);
  while (turn.read.length < 2) turn = await say('bob', LONG, turn.number);
  const [refused, answered] = turn.read as [InferenceRequest, InferenceRequest];
  expect(tokensOf(answered)).toBeLessThan(tokensOf(refused));
  expect(turn.receipt.state).toBe('done');
  expect(turn.receipt.trimmed_messages).toBeGreaterThan(0);
});

test('a message that does not fit alone is refused', async () => {
  const body = { user_id: 'eve', message: 'word '.repeat(330), max_tokens: 32 };
  const { json } = await call(stack.url, 'POST', '/chat', { key: KEY, body });
  expect(json.error.code).toBe('context_too_long');
});
