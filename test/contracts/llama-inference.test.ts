import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyModel } from '../../scripts/make-tiny-model.ts';
import { LlamaEngine, type LlamaEngineOptions } from '../../src/adapters/llama/engine.ts';
import type { EngineEvent } from '../../src/adapters/llama/engine-process.ts';
import { tinyModelPath } from '../support/tiny-model.ts';
import { ask, inferenceContract, longAnswerQuestion } from './inference.contract.ts';
import { until } from './until.ts';

async function open(options: Partial<LlamaEngineOptions> = {}) {
  const inference = new LlamaEngine({ modelPath: await tinyModelPath(), modelId: 'tiny', ...options });
  await inference.ready();
  return {
    inference,
    model: 'tiny',
    kill: () => process.kill(inference.pid!, 'SIGKILL'),
    close: () => inference[Symbol.asyncDispose](),
  };
}

inferenceContract('llama', ({ paceMs }) => open({ paceMs }));

describe('the memory of a conversation', () => {
  let harness: Awaited<ReturnType<typeof open>>;
  beforeAll(async () => {
    harness = await open({ slots: 2 });
  });
  afterAll(() => harness.close());

  it('reads again only what is new', async () => {
    const first = await ask(harness, { content: 'The first of two questions.', maxTokens: 5, affinity: 'one' });
    const again = await ask(harness, { content: 'The first of two questions.', maxTokens: 5, affinity: 'one' });
    expect(first.reusedTokens).toBeLessThan(first.promptTokens - 1);
    expect(again.reusedTokens).toBe(again.promptTokens - 1);
    expect(again.text).toBe(first.text);
  });

  it('is not lost to a stranger who shares only a beginning', async () => {
    const own = `${'salt and wind '.repeat(20)}one`;
    await ask(harness, { content: own, maxTokens: 5, affinity: 'one' });
    await ask(harness, { content: `${'star and bird '.repeat(20)}two`, maxTokens: 5, affinity: 'two' });
    const again = await ask(harness, { content: own, maxTokens: 5, affinity: 'one' });
    expect(again.reusedTokens).toBe(again.promptTokens - 1);
  });

  it('reads only the prefix when an interrupted answer is continued', async () => {
    const content = await longAnswerQuestion(harness, 40);
    const head = await ask(harness, { content, maxTokens: 20, affinity: 'three' });
    const prefix = { text: head.text, reasoning: '' };
    const [count] = await harness.inference.countTokens(harness.model, [head.text]);
    const tail = await ask(harness, { content, maxTokens: 20, prefix, affinity: 'three' });
    expect(tail.promptTokens).toBe(head.promptTokens + count!);
    expect(tail.reusedTokens).toBeGreaterThanOrEqual(head.promptTokens);
  });
});

describe('a long prompt', () => {
  const long = 'salt wind star bird cold night song ship '.repeat(85);

  it('is given up between two parts when it is aborted', async () => {
    const harness = await open();
    const stop = new AbortController();
    const [model] = harness.inference.models();
    const [count] = await harness.inference.countTokens(model!.id, [long]);
    expect(count).toBeGreaterThan(512);
    const aborted = ask(harness, { content: long, maxTokens: 5, affinity: 'long', signal: stop.signal });
    // The engine has taken it up once it answers a question asked after it.
    await harness.inference.countTokens(model!.id, ['after it']);
    stop.abort();
    await expect(aborted).rejects.toThrow();
    const again = await ask(harness, { content: long, maxTokens: 5, affinity: 'long' });
    expect(again.reusedTokens).toBeLessThan(again.promptTokens - 1);
    await harness.close();
  });

  it('does not keep its neighbours from writing', async () => {
    const harness = await open();
    const content = await longAnswerQuestion(harness, 60);
    const order: string[] = [];
    let reading: Promise<unknown> | null = null;
    const writing = ask(harness, {
      content,
      maxTokens: 60,
      onPiece: () => {
        order.push('neighbour');
        reading ??= ask(harness, { content: long, maxTokens: 1, onPiece: () => order.push('long') });
      },
    });
    await writing;
    await reading;
    const before = order.indexOf('long') < 0 ? order.length : order.indexOf('long');
    expect(order.slice(0, before).filter((who) => who === 'neighbour').length).toBeGreaterThan(3);
    await harness.close();
  });
});

describe('a chat form of its own', () => {
  const template =
    "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\n' }}{% endfor %}" +
    "{% if add_generation_prompt %}{{ 'assistant: <think>\n' }}{% endif %}";

  it('is taken from the file; a prompt that opens the reasoning is answered by reasoning', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'template-'));
    const modelPath = join(folder, 'own.gguf');
    await writeFile(modelPath, tinyModel(1, true, template));
    const harness = await open({ modelPath });
    const answer = await ask(harness, { content: 'What do you think?', maxTokens: 20 });
    expect(answer.reasoning).not.toBe('');
    expect(answer.text).toBe('');
    const rest = await ask(harness, {
      content: 'What do you think?',
      maxTokens: 20,
      prefix: { text: 'So ', reasoning: answer.reasoning },
    });
    expect(rest.reasoning).toBe('');
    expect(rest.text).not.toBe('');
    await harness.close();
    await rm(folder, { recursive: true });
  });
});

describe('more requests than places', () => {
  it('are taken by lane, and in order within one', async () => {
    const harness = await open({ slots: 1, paceMs: 5 });
    const order: string[] = [];
    const { inference, model } = harness;
    const taken = Promise.withResolvers<void>();
    const prompted = (name: string) => {
      order.push(name);
      taken.resolve();
    };
    const request = (lane: 'stream' | 'chat' | 'batch', name: string, maxTokens = 3) =>
      inference.generate(
        {
          model,
          messages: [{ role: 'user', content: name }],
          prefix: { text: '', reasoning: '' },
          maxTokens,
          affinity: name,
          lane,
        },
        {
          prompted: () => prompted(name),
          text: () => undefined,
          reasoning: () => undefined,
          toolCall: () => undefined,
        },
        new AbortController().signal,
      );
    const first = request('chat', await longAnswerQuestion(harness, 20), 20);
    await taken.promise;
    order.length = 0;
    await Promise.all([
      first,
      request('batch', 'batch'),
      request('chat', 'chat one'),
      request('chat', 'chat two'),
      request('stream', 'stream'),
    ]);
    expect(order).toEqual(['stream', 'chat one', 'chat two', 'batch']);
    await harness.close();
  });

  it('are refused beyond a bound, to be asked again later', async () => {
    const harness = await open({ slots: 1, maxWaiting: 2, paceMs: 5 });
    const content = await longAnswerQuestion(harness, 20);
    const all = await Promise.allSettled(Array.from({ length: 8 }, () => ask(harness, { content, maxTokens: 20 })));
    const refused = all.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThanOrEqual(4);
    for (const { reason } of refused as PromiseRejectedResult[]) {
      expect(reason).toMatchObject({ kind: 'overloaded', retryable: true, retryAfterMs: expect.any(Number) });
    }
    await harness.close();
  });
});

describe('a model that cannot be loaded', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'engine-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function failing(modelPath: string): Promise<void> {
    const inference = new LlamaEngine({ modelPath, modelId: 'tiny' });
    await until(async () => (await inference.health()).status === 'down');
    expect((await inference.health()).detail).toContain(modelPath);
    expect(inference.models()).toEqual([]);
    await expect(ask({ inference, model: 'tiny' }, { content: 'a', maxTokens: 1 })).rejects.toMatchObject({
      kind: 'unavailable',
      retryable: true,
    });
    await inference[Symbol.asyncDispose]();
  }

  it('says that the file is missing', () => failing(join(folder, 'missing.gguf')));

  it('says that the file is broken', async () => {
    const path = join(folder, 'broken.gguf');
    await writeFile(path, 'no model at all');
    await failing(path);
  });

  it('says that the file is cut', async () => {
    const path = join(folder, 'cut.gguf');
    await writeFile(path, tinyModel());
    await truncate(path, 300_000);
    await failing(path);
  });

  it('is loaded once the file is there', async () => {
    const modelPath = join(folder, 'late.gguf');
    const inference = new LlamaEngine({ modelPath, modelId: 'tiny' });
    await until(async () => (await inference.health()).status === 'down');
    await writeFile(modelPath, tinyModel());
    await until(async () => (await inference.health()).status === 'up');
    await inference[Symbol.asyncDispose]();
  });
});

describe('the process of the model', () => {
  it('is started again after each death, and says so', async () => {
    const events: EngineEvent[] = [];
    const harness = await open({ onEvent: (event) => events.push(event) });
    for (let i = 0; i < 2; i++) {
      const before = harness.inference.pid;
      harness.kill();
      await until(() => harness.inference.pid !== before && harness.inference.pid !== undefined);
      await harness.inference.ready();
      await ask(harness, { content: 'still there?', maxTokens: 3 });
    }
    expect(events.map(({ kind }) => kind)).toEqual(['ready', 'exited', 'ready', 'exited', 'ready']);
    await harness.close();
  });

  it('survives the signals that a terminal sends to the whole group', async () => {
    const harness = await open();
    const { pid } = harness.inference;
    process.kill(pid!, 'SIGINT');
    process.kill(pid!, 'SIGTERM');
    await ask(harness, { content: 'still there?', maxTokens: 3 });
    expect(harness.inference.pid).toBe(pid);
    await harness.close();
  });

  it('ends with its owner, an answer under way being refused', async () => {
    const harness = await open({ paceMs: 20 });
    const content = await longAnswerQuestion(harness, 20);
    const running = ask(harness, { content, maxTokens: 100 }).catch((error: unknown) => error);
    const pid = harness.inference.pid!;
    await harness.close();
    expect(await running).toMatchObject({ retryable: true });
    expect(() => process.kill(pid, 0)).toThrow();
  });
});
