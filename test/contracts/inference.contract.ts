import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Inference,
  InferenceError,
  type InferenceRequest,
  type InferenceResult,
} from '../../src/ports/inference.ts';
import type { ChatMessage } from '../../src/protocol/chat-message.ts';
import type { ModelParams } from '../../src/protocol/model-params.ts';
import type { ToolCallPart } from '../../src/protocol/tool-calls.ts';
import { until } from './until.ts';

export type InferenceHarness = {
  inference: Inference;
  model: string;
  /** A server that does not count has its counts estimated. */
  counts?: 'estimated';
  /** Ends the model's process the hard way, where it has one. */
  kill?: () => void;
  close: () => Promise<void>;
};

/** What every adapter of the port `Inference` must do. `paceMs` makes an answer take long enough to act within it. */
export function inferenceContract(
  name: string,
  open: (options: { paceMs: number }) => Promise<InferenceHarness>,
): void {
  describe(`Inference: ${name}`, () => {
    describe('at full speed', () => answersContract(() => open({ paceMs: 0 })));
    describe('slowed down', () => interruptionsContract(() => open({ paceMs: 20 })));
  });
}

function answersContract(open: () => Promise<InferenceHarness>): void {
  let harness: InferenceHarness;
  beforeAll(async () => {
    harness = await open();
  });
  afterAll(() => harness.close());

  it('names its model and says that it is up', async () => {
    const [model] = harness.inference.models();
    expect(model).toMatchObject({ id: harness.model, contextWindow: expect.any(Number) });
    expect(await harness.inference.health()).toMatchObject({ status: 'up' });
  });

  it('reports the prompt once, then text, then why it ended and what it used', async () => {
    const answer = await ask(harness, { content: LONG_QUESTION, maxTokens: 20 });
    expect(answer.calls[0]).toBe('prompted');
    expect(answer.calls.filter((call) => call === 'prompted')).toHaveLength(1);
    expect(answer.text + answer.reasoning).not.toBe('');
    expect(answer.result.model).toBe(harness.model);
    expect(['stop', 'length']).toContain(answer.result.finishReason);
    expect(answer.result.usage.promptTokens).toBe(answer.promptTokens);
    expect(answer.result.usage.completionTokens).toBeGreaterThanOrEqual(answer.tokens);
  });

  it('gives whole characters', async () => {
    for (let i = 0; i < 10; i++) {
      const answer = await ask(harness, { content: `${LONG_QUESTION} ${i}`, maxTokens: 100 });
      for (const piece of answer.pieces) {
        expect(piece.isWellFormed()).toBe(true);
        expect(piece).not.toContain('\ufffd');
      }
    }
  });

  it('stops at the limit of tokens and says so', async () => {
    const question = await longAnswerQuestion(harness, 12);
    const answer = await ask(harness, { content: question, maxTokens: 10 });
    expect(answer.result.finishReason).toBe('length');
    expect(answer.result.usage.completionTokens).toBe(10);
  });

  it('goes on right behind a prefix', async () => {
    const content = await longAnswerQuestion(harness, 30);
    const whole = await ask(harness, { content, maxTokens: 30 });
    for (const cut of [1, Math.floor(whole.text.length / 2)]) {
      const head = Array.from(whole.text).slice(0, cut).join('');
      const rest = await ask(harness, { content, maxTokens: 60, prefix: { text: head, reasoning: whole.reasoning } });
      expect(rest.calls[0]).toBe('prompted');
      expect(rest.reasoning).toBe('');
      expect(rest.promptTokens).toBeGreaterThan(whole.promptTokens);
      expect(rest.text).not.toBe('');
    }
  });

  it('answers several at once, each its own question', async () => {
    const questions = Array.from({ length: 10 }, (_, i) => `${LONG_QUESTION} Number ${i}.`);
    const alone = [];
    for (const content of questions) alone.push(await ask(harness, { content, maxTokens: 25 }));
    const together = await Promise.all(questions.map((content) => ask(harness, { content, maxTokens: 25 })));
    for (const [index, answer] of together.entries()) {
      expect(answer.promptTokens).toBe(alone[index]!.promptTokens);
      expect(answer.result.usage.completionTokens).toBeGreaterThan(0);
    }
  });

  it('counts tokens as it uses them', async ({ skip }) => {
    if (harness.counts === 'estimated') return skip('this server does not count');
    const texts = [LONG_QUESTION, '', 'ä', 'kurz', LONG_QUESTION];
    const counts = await harness.inference.countTokens(harness.model, texts);
    expect(counts).toHaveLength(texts.length);
    expect(counts[1]).toBe(0);
    expect(counts[4]).toBe(counts[0]);
    const [model] = harness.inference.models();
    const short = await ask(harness, { content: 'kurz', maxTokens: 1 });
    const long = await ask(harness, { content: LONG_QUESTION, maxTokens: 1 });
    expect(long.promptTokens - short.promptTokens).toBe(counts[0]! - counts[3]!);
    expect(long.promptTokens).toBeLessThanOrEqual(counts[0]! + model!.tokensPerMessage);
  });

  it('takes what people write for text, never for marks of its own', async ({ skip }) => {
    if (harness.counts === 'estimated') return skip('this server does not count');
    const marks = '<|im_start|>system\n<|im_end|></s><think>';
    const [count] = await harness.inference.countTokens(harness.model, [marks]);
    const without = await ask(harness, { content: 'a', maxTokens: 1 });
    const answer = await ask(harness, { content: `a${marks}`, maxTokens: 1 });
    expect(answer.promptTokens).toBeGreaterThanOrEqual(without.promptTokens + count! - 1);
  });

  it('refuses a prompt beyond its window as an overflow, and shortens nothing in silence', async () => {
    const [model] = harness.inference.models();
    const content = LONG_QUESTION.repeat(model!.contextWindow / 10);
    const error = await ask(harness, { content, maxTokens: 10 }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(InferenceError);
    expect(error).toMatchObject({ kind: 'context_overflow', retryable: false });
  });

  it('refuses a model that it has not', async () => {
    const { inference } = harness;
    const request = requestFor('no-such-model', { content: 'a', maxTokens: 1 });
    await expect(inference.generate(request, silent, new AbortController().signal)).rejects.toMatchObject({
      kind: 'model_not_found',
    });
  });

  it('does nothing for a signal that was aborted before', async () => {
    const reason = new Error('too late');
    await expect(ask(harness, { content: 'a', maxTokens: 5, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it('lets an error of the sink end that answer and no other', async () => {
    const failing = { ...silent, prompted: () => raise(new Error('sink')) };
    const request = requestFor(harness.model, { content: LONG_QUESTION, maxTokens: 5 });
    const failed = harness.inference.generate(request, failing, new AbortController().signal);
    const other = ask(harness, { content: 'other', maxTokens: 5 });
    await expect(failed).rejects.toThrow('sink');
    expect((await other).result.usage.completionTokens).toBeGreaterThan(0);
  });
}

function interruptionsContract(open: () => Promise<InferenceHarness>): void {
  let harness: InferenceHarness;
  beforeAll(async () => {
    harness = await open();
  });
  afterAll(() => harness.close());

  it('stops when told to, with the reason given, and is silent from then on', async () => {
    const content = await longAnswerQuestion(harness, 30);
    const stop = new AbortController();
    const reason = new Error('enough');
    let told = 0;
    const running = ask(harness, {
      content,
      maxTokens: 200,
      signal: stop.signal,
      onPiece: () => {
        told++;
        if (told === 3) stop.abort(reason);
      },
    });
    await expect(running).rejects.toBe(reason);
    const then = told;
    await ask(harness, { content: 'another', maxTokens: 5 });
    expect(told).toBe(then);
  });

  it('frees the place of a stopped answer', async () => {
    const content = await longAnswerQuestion(harness, 30);
    for (let i = 0; i < 12; i++) {
      const stop = new AbortController();
      const running = ask(harness, { content, maxTokens: 200, signal: stop.signal, onPiece: () => stop.abort() });
      await expect(running).rejects.toThrow();
    }
    const answer = await ask(harness, { content: 'another', maxTokens: 5 });
    expect(answer.result.usage.completionTokens).toBeGreaterThan(0);
  });

  it('lets others go on while one is stopped', async () => {
    const content = await longAnswerQuestion(harness, 30);
    const stop = new AbortController();
    const stopped = ask(harness, { content, maxTokens: 200, signal: stop.signal });
    const kept = ask(harness, { content, maxTokens: 20, onPiece: () => stop.abort(new Error('stopped')) });
    await expect(stopped).rejects.toThrow('stopped');
    expect((await kept).result.usage.completionTokens).toBe(20);
  });

  it('rejects as retryable when its process is killed, and answers again by itself', async ({ skip }) => {
    const { kill } = harness;
    if (!kill) return skip('this adapter has no process');
    const content = await longAnswerQuestion(harness, 30);
    let killed = false;
    const running = ask(harness, {
      content,
      maxTokens: 200,
      onPiece: () => {
        if (!killed) kill();
        killed = true;
      },
    });
    const error = await running.catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(InferenceError);
    expect(error).toMatchObject({ retryable: true });
    const answer = await ask(harness, { content, maxTokens: 5 });
    expect(answer.result.usage.completionTokens).toBe(5);
    await until(async () => (await harness.inference.health()).status === 'up');
  });
}

const LONG_QUESTION = 'Tell me of the sea, the wind and the light of the old ship in the cold night.';

export type Ask = {
  content: string;
  maxTokens: number;
  prefix?: { text: string; reasoning: string };
  affinity?: string;
  signal?: AbortSignal;
  onPiece?: (piece: string) => void;
  id?: string;
  workspace?: string;
  params?: ModelParams;
  /** Instead of `content` alone. */
  messages?: readonly ChatMessage[];
};

export type Asked = {
  result: InferenceResult;
  text: string;
  reasoning: string;
  /** Names and arguments. */
  toolCall: string;
  pieces: string[];
  calls: string[];
  promptTokens: number;
  reusedTokens: number;
  tokens: number;
};

export async function ask(harness: Pick<InferenceHarness, 'inference' | 'model'>, question: Ask): Promise<Asked> {
  const asked: Omit<Asked, 'result'> = {
    text: '',
    reasoning: '',
    toolCall: '',
    pieces: [],
    calls: [],
    promptTokens: 0,
    reusedTokens: 0,
    tokens: 0,
  };
  const take = (channel: 'text' | 'reasoning') => (piece: string, tokens: number) => {
    asked[channel] += piece;
    asked.tokens += tokens;
    asked.pieces.push(piece);
    asked.calls.push(channel);
    question.onPiece?.(piece);
  };
  const sink = {
    prompted(promptTokens: number, reusedTokens: number) {
      asked.calls.push('prompted');
      Object.assign(asked, { promptTokens, reusedTokens });
    },
    text: take('text'),
    reasoning: take('reasoning'),
    toolCall(part: ToolCallPart) {
      asked.toolCall += part.kind === 'call' ? `${part.name} ` : part.text;
    },
  };
  const signal = question.signal ?? new AbortController().signal;
  const result = await harness.inference.generate(requestFor(harness.model, question), sink, signal);
  return { ...asked, result };
}

function requestFor(model: string, question: Ask): InferenceRequest {
  return {
    model,
    messages: question.messages ?? [{ role: 'user', content: question.content }],
    prefix: question.prefix ?? { text: '', reasoning: '' },
    maxTokens: question.maxTokens,
    temperature: 0,
    ...question.params,
    affinity: question.affinity ?? question.content,
    lane: 'chat',
    ...(question.id !== undefined && { id: question.id }),
    ...(question.workspace !== undefined && { workspace: question.workspace }),
  };
}

/** Small models end when they like: looks for a question whose answer has at least so many tokens. */
export async function longAnswerQuestion(
  harness: Pick<InferenceHarness, 'inference' | 'model'>,
  tokens: number,
): Promise<string> {
  for (let i = 0; i < 200; i++) {
    const content = `${LONG_QUESTION} Part ${i}.`;
    const answer = await ask(harness, { content, maxTokens: tokens });
    if (answer.result.finishReason === 'length' && answer.text.length > 5) return content;
  }
  throw new Error(`No question found whose answer has ${tokens} tokens.`);
}

const silent = {
  prompted: () => undefined,
  text: () => undefined,
  reasoning: () => undefined,
  toolCall: () => undefined,
};

function raise(error: Error): never {
  throw error;
}
