import { afterAll, expect, inject, test } from 'vitest';
import { ask } from '../contracts/inference.contract.ts';
import { openAgainst } from '../support/upstream-inference.ts';
import { deploy, removeAll, TINY } from './support/deploy.ts';
import { seen } from './support/seen.ts';

const LONGEST_START = 240_000;
afterAll(removeAll, LONGEST_START);

test(
  'weights of four bits, deployed with --quantization awq, say what the whole ones say',
  async () => {
    const engine = { ...TINY.engine, dtype: 'float16' };
    const args = ['--quantization', 'awq'];
    const { code, err } = await deploy({ model: 'tiny-awq', source: inject('models').awq, engine }, args);
    seen(`deploy --quantization awq said:\n${err}`);
    expect(err).toContain('it answers: "Hi there!"');
    expect(code).toBe(0);
    await using inference = await openAgainst({ url: `${inject('ray').serveUrl}/tiny-awq/v1` });
    const answer = await ask({ inference, model: 'tiny-awq' }, { content: 'What is your name?', maxTokens: 40 });
    expect(answer.text).toBe('My name is Tiny.');
    expect(answer.result.finishReason).toBe('stop');
  },
  LONGEST_START,
);
