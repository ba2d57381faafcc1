import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findEntry } from '../../src/adapters/llama/catalogue.ts';
import { LlamaEngine } from '../../src/adapters/llama/engine.ts';
import { PACKAGED_MODEL } from '../../src/adapters/llama/packaged-model.ts';
import { ask } from './inference.contract.ts';

const folders = [
  fileURLToPath(new URL('../../.cache/models', import.meta.url)),
  join(process.env.DATA_DIR ?? 'data', 'models'),
];
const files = [PACKAGED_MODEL.file, findEntry(PACKAGED_MODEL.id)!.hub.file];
const path = folders
  .flatMap((folder) => files.map((file) => join(folder, file)))
  .find((candidate) => existsSync(candidate));

describe('SmolLM2-135M, the smallest real model', () => {
  let inference: LlamaEngine;
  beforeAll(async () => {
    if (path === undefined) return;
    inference = new LlamaEngine({ modelPath: path, contextSize: 1024, slots: 2 });
    await inference.ready();
  });
  afterAll(async () => {
    if (path !== undefined) await inference[Symbol.asyncDispose]();
  });

  it('knows the capital of France, alone and beside another chat', async ({ skip }) => {
    if (path === undefined)
      return skip(`the model is not installed: none of ${files.join(', ')} in ${folders.join(' or ')}`);
    const [model] = inference.models();
    expect(model).toMatchObject({ id: 'smollm2-135m', systemPrompt: null, defaultTemperature: 0 });
    const harness = { inference, model: 'smollm2-135m' };
    const question = { content: 'What is the capital of France?', maxTokens: 40 };
    const [answer] = await Promise.all([
      ask(harness, question),
      ask(harness, { content: 'Why is the sky blue?', maxTokens: 40 }),
    ]);
    expect(answer.text).toContain('Paris');
    expect(answer.result.finishReason).toBe('stop');
    const rest = await ask(harness, { ...question, prefix: { text: 'The capital of', reasoning: '' } });
    expect(rest.text).toContain('Paris');
  });
});
