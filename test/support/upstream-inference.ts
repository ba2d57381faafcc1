import { OpenAiHttpInference } from '../../src/adapters/openai-http/inference.ts';
import type { OpenAiHttpOptions } from '../../src/adapters/openai-http/options.ts';
import { until } from '../contracts/until.ts';
import type { FakeUpstream } from './fake-upstream.ts';

export async function openAgainst(
  upstream: Pick<FakeUpstream, 'url'>,
  options: Partial<OpenAiHttpOptions> = {},
): Promise<OpenAiHttpInference> {
  const inference = new OpenAiHttpInference({
    url: upstream.url,
    contextWindow: 4096,
    continues: true,
    dialect: 'vllm',
    sendsPriority: false,
    connectTimeoutMs: 5000,
    patience: { firstTokenMs: 30_000, idleMs: 30_000, totalMs: 60_000 },
    ...options,
  });
  await until(() => inference.models().length > 0);
  return inference;
}
