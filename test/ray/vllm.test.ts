import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { QUANTIZATIONS } from '../../src/adapters/ray/quantizations.ts';
import { ask, inferenceContract } from '../contracts/inference.contract.ts';
import { openAgainst } from '../support/upstream-inference.ts';
import { startVllm, type Vllm } from './support/start-vllm.ts';

const LONGEST_START = 240_000;
const QUESTION = { content: 'What is your name?', maxTokens: 30 };
let vllm: Vllm & AsyncDisposable;

beforeAll(async () => {
  vllm = await startVllm(inject('environment'), inject('models').plain, ['--enable-lora', '--max-lora-rank', '8']);
}, LONGEST_START);
afterAll(() => vllm?.[Symbol.asyncDispose]());

inferenceContract('openai-http against vLLM', async () => {
  const inference = await openAgainst(vllm);
  return { inference, model: 'tiny', close: () => inference[Symbol.asyncDispose]() };
});

/** Ray takes adapters from cloud storage only; vLLM itself, which it drives, takes a folder. */
test('an adapter is loaded while it serves, is a model of its own, and goes again', async () => {
  await using inference = await openAgainst(vllm);
  const base = await ask({ inference, model: 'tiny' }, QUESTION);
  expect(base.text).toBe('My name is Tiny.');

  await tell('load_lora_adapter', { lora_name: 'style', lora_path: inject('models').lora });
  const styled = await ask({ inference, model: 'style' }, QUESTION);
  expect(styled.result.model).toBe('style');
  expect(styled.text).not.toBe(base.text);
  expect(await ask({ inference, model: 'tiny' }, QUESTION)).toMatchObject({ text: base.text });

  await using second = await openAgainst(vllm);
  expect(second.models().map(({ id }) => id)).toEqual(['tiny', 'style']);

  await tell('unload_lora_adapter', { lora_name: 'style' });
  await expect(ask({ inference, model: 'style' }, QUESTION)).rejects.toMatchObject({ kind: 'model_not_found' });
});

test('every quantization that deploy lets through is one of this vLLM', async () => {
  const script = 'from vllm.model_executor.layers.quantization import QUANTIZATION_METHODS as q; print("known", *q)';
  const { stdout } = await promisify(execFile)(join(inject('environment'), 'bin', 'python'), ['-c', script]);
  const known = /^known (.*)$/m.exec(stdout)![1]!.split(' ');
  expect(QUANTIZATIONS.filter((each) => !known.includes(each))).toEqual([]);
});

async function tell(verb: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${vllm.url}/v1/${verb}`, { method: 'POST', headers, body: JSON.stringify(body) });
  expect(response.status).toBe(200);
}
