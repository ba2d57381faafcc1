import { describe, expect, it } from 'vitest';
import { MEMORY_MODEL, MemoryInference, scriptedAnswer } from '../../src/adapters/memory/inference.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import { InferenceError } from '../../src/ports/inference.ts';
import { ask, inferenceContract } from './inference.contract.ts';

const open = async (options: ConstructorParameters<typeof MemoryInference>[1]) => ({
  inference: new MemoryInference(new SystemClock(), options),
  model: MEMORY_MODEL,
  close: async () => undefined,
});

inferenceContract('memory', open);

describe('the scripted answer', () => {
  it('is the same to the byte in one turn and in many', async () => {
    for (let i = 0; i < 40; i++) {
      const harness = await open({});
      const content = `question ${i}`;
      const whole = scriptedAnswer([{ role: 'user', content }]);
      const prefix = { text: '', reasoning: '' };
      let turns = 0;
      for (;;) {
        const part = await ask(harness, { content, maxTokens: 3, prefix });
        prefix.text += part.text;
        prefix.reasoning += part.reasoning;
        turns++;
        if (part.result.finishReason === 'stop') break;
      }
      expect(prefix).toEqual(whole);
      expect(turns).toBeGreaterThan(1);
    }
  });

  it('refuses to go on behind a foreign prefix', async () => {
    const harness = await open({});
    const prefix = { text: 'never said', reasoning: '' };
    await expect(ask(harness, { content: 'q', maxTokens: 3, prefix })).rejects.toMatchObject({ kind: 'bad_request' });
  });

  it('fails where it is told to', async () => {
    const error = new InferenceError('stream_cut', 'cut');
    const harness = await open({ fail: () => ({ afterTokens: 2, error }) });
    let pieces = 0;
    const asked = ask(harness, { content: 'q', maxTokens: 9, onPiece: () => pieces++ });
    await expect(asked).rejects.toBe(error);
    expect(pieces).toBe(2);
  });
});
